package ruby

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// bundleConfig holds the application's own settings of Bundler, which Bundler prefers to variables:
// https://bundler.io/man/bundle-config.1.html. BUNDLE_APP_CONFIG names another folder.
const bundleConfig = ".bundle/config"

// bundler is what the application's files and the build's variables tell Bundler, as far as it decides about the image.
type bundler struct {
	// config is the file of the application's own settings.
	config string
	// files are the Gemfile and its lockfile, relative to the application; empty where Bundler is to look for them.
	files bundle
	// groups are those that are installed; origin says who chose them, if not Gantry's default.
	groups gemfile.Selection
	origin string
	// sourceGems: gems are compiled here even where they come compiled. cache is the folder of gems in the source.
	sourceGems bool
	cache      string
	// env are the variables of the build that the running application needs, too.
	env   map[string]string
	notes plan.Notes
}

// readBundler reads the settings of Bundler.
func readBundler(a app.App, s settings.Settings, dir string) (bundler, error) {
	variable := func(name string) string { return s.ManagerVariables[strings.ToLower(name)].Value }
	b := bundler{config: bundleConfig, cache: vendorCache, env: map[string]string{}}
	if folder, ok := inApplication(variable("BUNDLE_APP_CONFIG")); ok && folder != "." {
		b.config = path.Join(folder, "config")
	}
	text, _, err := a.Read(path.Join(dir, b.config))
	if err != nil {
		return b, err
	}
	own := configured(string(text))
	b.groups, b.origin = groups(s)
	for _, name := range []string{"BUNDLE_WITH", "BUNDLE_ONLY", "BUNDLE_SPECIFIC_PLATFORM", "BUNDLE_FORCE_RUBY_PLATFORM"} {
		if value := variable(name); value != "" {
			b.env[name] = value
		}
	}
	b.sourceGems = isTrue(variable("BUNDLE_FORCE_RUBY_PLATFORM")) || isTrue(own["BUNDLE_FORCE_RUBY_PLATFORM"])
	for _, value := range []string{own["BUNDLE_CACHE_PATH"], variable("BUNDLE_CACHE_PATH")} {
		if folder, ok := inApplication(value); ok {
			b.cache = folder
		}
	}
	if b.files, err = namedGemfile(a, s.ManagerVariables["bundle_gemfile"], own["BUNDLE_GEMFILE"], dir, b.config); err != nil {
		return b, err
	}
	if names := decidedBy(b.config, own, variable); len(names) > 0 {
		b.notes.Warnings = append(b.notes.Warnings, fmt.Sprintf("%s: that does not count, for Gantry decides where gems are and which Bundler installs them, from the lockfile. "+
			"BP_BUNDLE_WITHOUT chooses other groups.", strings.Join(names, ", ")))
	}
	return b, nil
}

// groups gives the groups that are installed: Gantry's own setting counts before Bundler's variables.
func groups(s settings.Settings) (chosen gemfile.Selection, origin string) {
	list := func(name string) []string {
		return strings.FieldsFunc(s.ManagerVariables[name].Value, func(r rune) bool { return strings.ContainsRune(": ,", r) })
	}
	chosen = gemfile.Selection{Without: strings.FieldsFunc(s.BundleWithout.Value, func(r rune) bool { return strings.ContainsRune(": ,", r) })}
	if s.BundleWithout.IsSet() {
		origin = s.BundleWithout.Origin
	} else if v, set := s.ManagerVariables["bundle_without"]; set {
		chosen.Without, origin = list("bundle_without"), v.Origin
	}
	if chosen.With = list("bundle_with"); len(chosen.With) > 0 {
		chosen.Without = slices.DeleteFunc(chosen.Without, func(name string) bool { return slices.Contains(chosen.With, name) })
		origin = join(origin, "BUNDLE_WITH")
	}
	if chosen.Only = list("bundle_only"); len(chosen.Only) > 0 {
		origin = join(origin, "BUNDLE_ONLY")
	}
	return chosen, origin
}

func join(a, b string) string { return strings.TrimPrefix(a+" and "+b, " and ") }

// namedGemfile gives the Gemfile that the build's variable or the application's settings name, and its lockfile.
func namedGemfile(a app.App, variable settings.Setting, own, dir, config string) (bundle, error) {
	value, origin, where := variable.Value, variable.Origin, problem.Position{File: variable.Origin}
	if value == "" {
		value, origin, where = own, config, problem.Position{File: path.Join(dir, config)}
	}
	if value == "" {
		return bundle{}, nil
	}
	name, ok := inApplication(value)
	if !ok || !a.Has(path.Join(dir, name)) {
		return bundle{}, &problem.Problem{
			ID:    "ruby/gemfile-missing",
			Title: "the Gemfile that BUNDLE_GEMFILE names is not in the source",
			Where: where,
			Why:   "it is " + value + ", from " + origin,
			Hints: []string{"Name a file of the application, relative to its folder, and commit it with its lockfile; or leave BUNDLE_GEMFILE out."},
		}
	}
	lock := name + ".lock"
	if path.Base(name) == "gems.rb" {
		lock = path.Join(path.Dir(name), "gems.locked")
	}
	return bundle{name, lock}, nil
}

// inApplication gives a file or folder as it is called in the application's folder; ok is false when it is elsewhere. Platforms have
// the application in /workspace.
func inApplication(name string) (clean string, ok bool) {
	clean = path.Clean(strings.TrimPrefix(name, "/workspace/"))
	return clean, name != "" && !path.IsAbs(clean) && clean != ".." && !strings.HasPrefix(clean, "../")
}

var configLine = lazyregexp.New(`(?m)^(BUNDLE_\w+):[ \t]*["']?([^"'\n]*)`)

// configured are the application's own settings by their names; those that are lists have no value here.
func configured(config string) map[string]string {
	list := map[string]string{}
	for _, m := range configLine().FindAllStringSubmatch(config, -1) {
		list[m[1]] = strings.TrimSpace(m[2])
	}
	return list
}

// isTrue reads a value as Bundler does: https://github.com/rubygems/rubygems/blob/master/bundler/lib/bundler/settings.rb, to_bool.
func isTrue(value string) bool {
	return !slices.Contains([]string{"", "0", "false", "f", "no", "n"}, strings.ToLower(value))
}

// fixed are settings that are Gantry's to decide: where gems are, and who installs them. harmless are values with which the build would
// have come out no otherwise.
var fixed = []struct {
	name     string
	harmless func(value string) bool
}{
	{"BUNDLE_PATH", func(value string) bool { return path.Clean(value) == bundleDir }},
	{"BUNDLE_PATH__SYSTEM", func(value string) bool { return !isTrue(value) }}, {"BUNDLE_FROZEN", isTrue}, {"BUNDLE_BIN", nil}, {"BUNDLE_VERSION", nil},
	{"BUNDLE_LOCKFILE", nil}, {"BUNDLE_IGNORE_CONFIG", func(value string) bool { return !isTrue(value) }},
}

// groupSettings are settings that count as variables of the build alone: in the source, they are what somebody chose for a machine.
var groupSettings = []string{"BUNDLE_WITHOUT", "BUNDLE_WITH", "BUNDLE_ONLY"}

// decidedBy names the settings that do not count, and that the build would have come out otherwise with.
func decidedBy(config string, own map[string]string, variable func(string) string) (names []string) {
	for _, f := range fixed {
		for origin, value := range map[string]string{"": variable(f.name), " in " + config: own[f.name]} {
			if value != "" && (f.harmless == nil || !f.harmless(value)) {
				names = append(names, f.name+origin)
			}
		}
	}
	for _, name := range groupSettings {
		if _, set := own[name]; set {
			names = append(names, name+" in "+config)
		}
	}
	slices.Sort(names)
	return names
}

// decided are the settings in the application's file that are taken out of it.
var decided = lazyregexp.New(`^BUNDLE_(PATH|PATH__SYSTEM|WITHOUT|WITH|ONLY|FROZEN|DEPLOYMENT|DISABLE_SHARED_GEMS|BIN|CLEAN|SYSTEM_BINDIR|VERSION|GEMFILE|LOCKFILE|LOCAL__\w+|USER_\w+):\s`)

func withoutDecided(config string) string {
	var kept strings.Builder
	skip := false
	for line := range strings.Lines(config) {
		if decided().MatchString(line) {
			skip = true
			continue
		}
		// A value may go on, as a list.
		if skip && (strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---") || strings.HasPrefix(line, " ")) {
			continue
		}
		skip = false
		kept.WriteString(line)
	}
	return kept.String()
}

// withoutHosts leaves of the settings what the running application may need: credentials, mirrors and flags have two underscores in
// their names.
func withoutHosts(config string) string {
	var kept strings.Builder
	for line := range strings.Lines(config) {
		if name, _, _ := strings.Cut(line, ": "); !strings.Contains(name, "__") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// withBundleSettings puts copies in the place of the application's settings: one for installing, and one without credentials.
func (p *Project) withBundleSettings(k gems) gems {
	rest := withoutDecided(p.read(p.bundler.config))
	k.install.Commands.Files = merge(k.install.Commands.Files, map[string]string{"config": rest})
	k.install.Commands.Env = merge(k.install.Commands.Env, map[string]string{"BUNDLE_APP_CONFIG": plan.ScratchDir})
	k.files = map[string]string{"bundle/config": withoutHosts(rest)}
	place := map[string]string{"BUNDLE_APP_CONFIG": plan.FilesDir + "/bundle"}
	k.fixed, k.launchEnv = merge(k.fixed, place), merge(k.launchEnv, place)
	k.remove = append(k.remove, p.in(p.bundler.config))
	return k
}
