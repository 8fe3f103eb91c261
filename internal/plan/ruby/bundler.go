package ruby

import (
	"cmp"
	_ "embed" // for the programs in Ruby
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

// mkmf has gems compiled in less time: https://docs.ruby-lang.org/en/master/MakeMakefile.html.
//
//go:embed mkmf.rb
var mkmf string

// bundleDir is where gems are installed, relative to the application.
const bundleDir = "vendor/bundle"

// gemHome is where RubyGems finds what Bundler installed, relative to the Gemfile:
// https://guides.rubygems.org/command-reference/#gem-environment.
func gemHome(ruby string) string { return path.Join(bundleDir, "ruby", line(ruby)+".0") }

// vendorCache is where "bundle cache" keeps gems in the source: https://bundler.io/man/bundle-cache.1.html.
const vendorCache = "vendor/cache"

// vendored is where they are, relative to the application; Bundler's settings may name another folder.
func (p *Project) vendored() string { return p.bundler.cache }

// platforms are what RubyGems calls a platform for which Gantry builds, by Go's name of the architecture.
var platforms = map[string]string{"amd64": "x86_64-linux", "arm64": "aarch64-linux"}

// bundlerEnv is Bundler's configuration while building: https://bundler.io/man/bundle-config.1.html.
func (p *Project) bundlerEnv(gems string) map[string]string {
	return map[string]string{
		"BUNDLE_RETRY": "3", "RACK_ENV": "production", "RAILS_ENV": "production",
		"BUNDLE_GLOBAL_GEM_CACHE": "true", "BUNDLE_SILENCE_ROOT_WARNING": "true", "BUNDLE_IGNORE_FUNDING_REQUESTS": "true",
		"BUNDLE_DISABLE_VERSION_CHECK": "true", "GEM_PATH": plan.AppDir + "/" + gems, "LANG": "C.UTF-8",
	}
}

// bundlerDecides are the settings that count whatever the build's variables say: those that the plan follows.
func (p *Project) bundlerDecides() map[string]string {
	own := map[string]string{"BUNDLE_PATH": bundleDir, "BUNDLE_WITHOUT": p.without(), "BUNDLE_FROZEN": strconv.FormatBool(p.locked)}
	for _, name := range []string{"BUNDLE_PATH__SYSTEM", "BUNDLE_DEPLOYMENT", "BUNDLE_BIN", "BUNDLE_LOCKFILE", "BUNDLE_IGNORE_CONFIG", "BUNDLE_GEMFILE", "BUNDLE_APP_CONFIG", "BUNDLE_VERSION"} {
		own[name] = ""
	}
	if p.bundler.files.gemfile != "" {
		own["BUNDLE_GEMFILE"] = plan.AppDir + "/" + p.in(p.files.gemfile)
		// Bundler takes it for a name next to the Gemfile.
		own["BUNDLE_PATH"] = plan.AppDir + "/" + p.in(bundleDir)
	}
	return own
}

// firstToRun is the first Bundler that runs on the Rubies that there are: those before call String#untaint, which Ruby 3.2 has not.
// https://github.com/rubygems/bundler/pull/7385.
const firstToRun = ">= 2.1"

// bundlerVersion is the one that installs; empty for the one that Ruby brings. warning says why it is not the one that wrote the lockfile.
func (p *Project) bundlerVersion(ruby string) (version, warning string) {
	locked, err := gemfile.Parse(p.lock.Bundler)
	runs, _ := gemfile.ParseRequirement(firstToRun)
	if err != nil || runs.Matches(locked) {
		return p.lock.Bundler, ""
	}
	return "", p.in(p.files.lock) + " was written by Bundler " + p.lock.Bundler + ", which does not run on Ruby " + line(ruby) +
		": the one that Ruby brings installs. Run `bundle update --bundler`, and commit the lockfile."
}

// without are the groups that are not installed, divided by colons.
func (p *Project) without() string {
	return strings.Join(p.bundler.groups.Without, ":")
}

// buildGroups are the groups that the build needs and the running application does not.
func (p *Project) buildGroups() []string {
	var found []string
	named := gemfile.Groups(p.gemfile)
	for name := range strings.SplitSeq(p.settings.BundleBuildGroups.Value, ",") {
		if named[name] {
			found = append(found, name)
		}
	}
	return found
}

// gems are how gems are installed, and what that means for the build and the image.
type gems struct {
	install plan.Install
	// fixed are variables of the build that the user's do not change.
	buildEnv, fixed, launchEnv map[string]string
	// files are for the running application, remove what the image must not have.
	files  map[string]string
	remove []string
	notes  plan.Notes
}

// packages decides how gems are installed.
func (p *Project) packages(release plan.Release) (gems, error) {
	version, warning := p.bundlerVersion(release.Version)
	k := gems{
		buildEnv: p.bundlerEnv(p.in(gemHome(release.Version))), fixed: p.bundlerDecides(), remove: []string{p.in(p.vendored())}, notes: p.bundler.notes,
		launchEnv: merge(map[string]string{"BUNDLE_WITHOUT": p.launchWithout()}, p.bundler.env),
	}
	if named := k.fixed["BUNDLE_GEMFILE"]; named != "" {
		k.launchEnv["BUNDLE_GEMFILE"] = named
	}
	if warning != "" {
		k.fixed["BUNDLE_VERSION"] = "system"
		k.notes.Warnings = append(k.notes.Warnings, warning)
	}
	if err := p.fitsPlatform(platforms[release.Arch]); err != nil {
		return k, err
	}
	from := fmt.Sprintf("from %s, %d gems", p.in(p.files.lock), len(p.gems.Specs))
	if !p.locked {
		from = fmt.Sprintf("from %s, there is no %s", p.in(p.files.gemfile), p.files.lock)
		k.notes.Warnings = append(k.notes.Warnings, "There is no "+p.in(p.files.lock)+": which versions of gems are installed is decided again whenever they are. "+
			"Run `bundle lock --add-platform "+platforms[release.Arch]+"`, and commit it.")
	}
	k.notes.Decisions = []plan.Decision{{Subject: "gems", Value: "Bundler " + cmp.Or(version, "of Ruby"), Origin: from + p.chosenGroups()}}
	k.install = p.install(release, version)
	if p.has(p.bundler.config) {
		k = p.withBundleSettings(k)
	}
	return k, nil
}

// chosenGroups says which groups are installed.
func (p *Project) chosenGroups() string {
	g, text := p.bundler.groups, ""
	if len(g.Only) > 0 {
		text = ", only " + strings.Join(g.Only, ":")
	} else if text = ", without " + p.without(); len(g.With) > 0 {
		text += ", with " + strings.Join(g.With, ":")
	}
	if p.bundler.origin != "" {
		text += " (" + p.bundler.origin + ")"
	}
	return text
}

// install is how Bundler installs.
func (p *Project) install(release plan.Release, version string) plan.Install {
	in := plan.Install{
		Language: Language, Manager: plan.Manager{Name: "Bundler", Version: version}, Root: p.dir, Layer: "gems", Provides: gemsName, Native: plan.NativeFiles{All: true},
		Lockfile: plan.Lockfile{Name: p.in(p.files.lock)},
		Trees:    plan.Trees{Dirs: []string{p.in(bundleDir)}, Parents: []string{p.in(gemHome(release.Version)) + "/gems"}},
		Inputs: plan.InstallInputs{
			Files: p.inputs(),
			// https://bundler.io/man/bundle-config.1.html.
			Variables: []string{"BUNDLE_WITHOUT", "BUNDLE_WITH", "BUNDLE_ONLY", "BUNDLE_GEMFILE", "BUNDLE_FORCE_RUBY_PLATFORM", "BUNDLE_SPECIFIC_PLATFORM"},
			Flags:     []string{"BUNDLE_BUILD__*", "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"},
		},
		Commands: p.installCommands(release.Arch),
		Fixes:    gemFixes,
		Launch:   p.gemsAtLaunch(release.Version),

		Evaluation: p.evaluation(release.Arch),
		List:       plan.PackageList{Type: "gem", Markers: gemMarkers},
	}
	if p.locked {
		in.List = p.list(release.Arch)
	} else {
		// Bundler writes one, which belongs to the gems.
		in.Lockfile.Name, in.Trees.Dirs = "", append(in.Trees.Dirs, p.in(p.files.lock))
	}
	return in
}

// installCommands are those of Bundler.
func (p *Project) installCommands(arch string) plan.InstallCommands {
	local := []string{}
	if p.app.IsDir(p.in(p.vendored())) {
		local = []string{"--local"}
	}
	all := plan.Command{
		Title: "bundle install", Args: append([]string{"bundle", "install"}, local...), Dir: p.dir, Failures: p.installFailures(arch),
	}
	commands := plan.InstallCommands{
		All: all, OnlyLaunch: all,
		Env:   map[string]string{"BUNDLE_USER_CACHE": plan.StoreDir, "MAKEFLAGS": "-j4", "RUBYLIB": plan.ScratchDir},
		Files: map[string]string{"mkmf.rb": mkmf},
	}
	if groups := p.buildGroups(); len(groups) > 0 {
		commands.Prune = plan.Command{
			Title: "bundle clean, without " + strings.Join(groups, ", "), Args: []string{"bundle", "clean"}, Dir: p.dir, Env: map[string]string{"BUNDLE_WITHOUT": p.launchWithout()},
		}
	}
	return commands
}

func (p *Project) installFailures(arch string) []plan.Failure {
	return failures(p.in(p.files.gemfile), p.in(p.files.lock), p.in(p.vendored()), platforms[arch])
}

// launchWithout are the groups that the running application does not have, divided by colons.
func (p *Project) launchWithout() string {
	groups := p.buildGroups()
	if len(groups) == 0 {
		return p.without()
	}
	return strings.Join(append(strings.Split(p.without(), ":"), groups...), ":")
}

var gemFixes = plan.Fixes{
	// RubyGems has a Ruby that can be moved look for itself next to a gem's programs, where it is not; others name the place
	// of the Ruby that installed them.
	Rewrites: []plan.Rewrite{{Files: "ruby/*/bin/*", Match: `\A(?:#!/bin/sh\n(?s:.*?)\n=end\n)?#!.*ruby.*\n`, With: "#!/usr/bin/env ruby\n"}},
	// Git notes the address with the credentials that Bundler gave it; Bundler gives them again.
	StoreRewrites: []plan.Rewrite{{Files: "git/*/config", Match: `//[^/\s]*@`, With: "//"}},
	// RubyGems puts compiled files next to the gem's own as well, where some gems look for them alone; Bundler's store of
	// what was compiled knows the one place.
	Duplicates: []plan.DuplicateFile{{Match: `ruby/([^/]+)/extensions/[^/]+/[^/]+/([^/]+)/(.+\.so)`, Into: "ruby/$1/gems/$2/lib", Name: "$3"}},
	// Ruby has compilers write for debuggers (-ggdb3), which makes several times as much of a file.
	Strip: []string{"ruby/*/{gems,extensions,bundler/gems}/**/*.so"},
}

// fitsPlatform refuses a lockfile that was made for other platforms only.
func (p *Project) fitsPlatform(platform string) error {
	fits := func(name string) bool {
		return name == "ruby" || name == platform || name == platform+"-gnu" || strings.HasPrefix(name, platform+"-gnu")
	}
	if p.bundler.sourceGems && len(p.lock.Platforms) > 0 && !slices.Contains(p.lock.Platforms, "ruby") {
		return &problem.Problem{
			ID:    "ruby/lockfile-platform",
			Title: p.files.lock + " names compiled gems only",
			Where: problem.Position{File: p.in(p.files.lock)},
			Why:   "it is for " + strings.Join(p.lock.Platforms, ", ") + ", and BUNDLE_FORCE_RUBY_PLATFORM wants gems that are compiled here",
			Hints: []string{"Run `bundle lock --add-platform ruby`, and commit " + p.files.lock + "; or leave the variable out."},
		}
	}
	if len(p.lock.Platforms) == 0 || slices.ContainsFunc(p.lock.Platforms, fits) {
		return nil
	}
	return &problem.Problem{
		ID:    "ruby/lockfile-platform",
		Title: p.files.lock + " was made for other platforms only",
		Where: problem.Position{File: p.in(p.files.lock)},
		Why:   "it is for " + strings.Join(p.lock.Platforms, ", ") + ", and the image is for " + platform,
		Hints: []string{"Run `bundle lock --add-platform " + platform + "`, and commit " + p.files.lock + "."},
	}
}

// inputs are the files that decide which gems are installed.
func (p *Project) inputs() []string {
	names := []string{p.in(p.files.gemfile)}
	for _, name := range []string{p.files.lock, p.bundler.config} {
		if p.has(name) {
			names = append(names, p.in(name))
		}
	}
	if p.app.IsDir(p.in(p.vendored())) {
		names = append(names, p.in(p.vendored()))
	}
	for _, s := range p.lock.Specs {
		if s.Source != "PATH" {
			continue
		}
		// Gems in the source: what they need stands in their gemspec.
		specs, _ := fs.Glob(p.app.FS, path.Join(p.besideGemfile(s.Remote), "*.gemspec"))
		names = append(names, specs...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// besideGemfile gives the place in the source tree of what a Gemfile or a lockfile names.
func (p *Project) besideGemfile(name string) string {
	return p.in(path.Join(path.Dir(p.files.gemfile), name))
}
