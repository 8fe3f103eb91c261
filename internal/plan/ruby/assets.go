package ruby

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

func (p *Project) assetsTask() taskKnown {
	known, _ := p.task()
	return known
}

// ownAssets reports whether the application's own files say something of the task, so that it may read anything.
func (p *Project) ownAssets() bool {
	_, own := p.task()
	return own
}

// precompiles reports whether the assets are built, as far as that is known without asking Rake:
// https://guides.rubyonrails.org/asset_pipeline.html.
func (p *Project) precompiles() bool { return p.assetsTask() == taskLikely }

// precompiled gives the manifest of assets that are in the source already, empty without.
func (p *Project) precompiled() string {
	for _, pattern := range []string{"public/assets/.manifest.json", "public/assets/.sprockets-manifest-*", "public/assets/manifest-*.json"} {
		if found, _ := fs.Glob(p.app.FS, p.in(pattern)); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// assets are how they are built, and what that means for the image.
type assets struct {
	build    plan.Build
	buildEnv map[string]string
	remove   []string
	slices   [][]string
	notes    plan.Notes
}

// assets gives the step that builds them.
func (p *Project) assets() (a assets) {
	if manifest := p.precompiled(); p.rails() && manifest != "" {
		a.notes.Decisions = []plan.Decision{{Subject: "assets", Value: "not built", Origin: manifest + " is in the source: they are built already"}}
	}
	if p.skipsAssets() {
		a.notes.Decisions = []plan.Decision{{Subject: "assets", Value: "not built", Origin: p.settings.AssetsTask.Origin}}
	}
	if g, ok := p.generator(); ok {
		return p.siteAssets(g)
	}
	found := p.assetsTask()
	if found == taskNone {
		return a
	}
	task := p.settings.AssetsTask.Value
	title, why := "rails "+task, "for Propshaft"
	switch {
	case p.settings.AssetsTask.IsSet():
		title, why = "rake "+task, p.settings.AssetsTask.Origin
	case !p.rails():
		title, why = "rake "+task, "a task of the application, if Rake has it"
	case p.gems.Has("propshaft"):
	case p.gems.Has("sprockets"):
		why = "for Sprockets"
	default:
		why = "by Node.js"
	}
	step := plan.Command{
		Title: title, Dir: p.dir, Failures: append(p.leftOutFailures(), assetFailures(p.in("config"))...),
		Env: map[string]string{
			"SECRET_KEY_BASE_DUMMY": "1", "SKIP_YARN_INSTALL": "1", "SKIP_BUN_INSTALL": "1",
			// https://vite-ruby.netlify.app/config/#skip-assets-precompile-install.
			"VITE_RUBY_SKIP_ASSETS_PRECOMPILE_INSTALL": "true",
			// Writing what it compiles takes half of the time, and nothing would read it.
			"BOOTSNAP_READONLY": "true",
		},
		Warnings: []plan.OutputWarning{{
			Quote: regexp.MustCompile(`(?m)^The Rakefile cannot be loaded: (.*)$`),
			Title: "Rake cannot say whether there are assets to build, since the Rakefile does not load",
			Hint:  "If there are none, BP_RUBY_ASSETS_TASK=none says so; what it loads for development can stand in begin … rescue LoadError.",
		}},
	}
	a.buildEnv = map[string]string{}
	if !p.knowsDummy() {
		a.buildEnv["SECRET_KEY_BASE"] = "only-for-building-assets"
	}
	if address := p.noDatabase(); address != "" {
		a.buildEnv["DATABASE_URL"] = address
	}
	steps := plan.Steps([]plan.Command{p.runTask(step, found)}, Language)
	steps[0].Records, steps[0].Of = found == taskUnknown, "the Rakefile"
	a.build = plan.Build{Steps: steps, Caches: []string{p.in("tmp/cache/assets")}, Pure: true, Reads: p.reads()}
	a.slices = [][]string{{p.in("public")}}
	// What the build leaves there is of no use to the running application.
	a.remove = []string{p.in("tmp/cache"), p.in("log/production.log")}
	a.notes.Decisions = append(a.notes.Decisions, plan.Decision{Subject: "assets", Value: title, Origin: why + "; again only when what they are made of changes"})
	return a
}

// noDatabase is an address at which there is none, for building assets where the configuration has to have one: it reads it, or there is
// no configuration. An application that asks the database fails anyway.
func (p *Project) noDatabase() string {
	if !p.gems.Has("activerecord") || p.has("config/database.yml") && !strings.Contains(p.read("config/database.yml"), "DATABASE_URL") {
		return ""
	}
	for _, adapter := range []struct{ gem, address string }{
		{"pg", "postgresql://none:none@127.0.0.1:1/none"}, {"mysql2", "mysql2://none:none@127.0.0.1:1/none"}, {"trilogy", "trilogy://none:none@127.0.0.1:1/none"},
		{"sqlite3", "sqlite3:/tmp/none.sqlite3"},
	} {
		if p.gems.Has(adapter.gem) {
			return adapter.address
		}
	}
	return ""
}

// assetSources are what building the assets reads: without code that looks elsewhere, the assets are the same as long as
// these are.
var assetSources = []string{
	"app/assets", "app/javascript", "app/components", "lib/assets", "lib/tasks", "vendor/assets", "vendor/javascript", "config", "Rakefile", "rakefile", "Rakefile.rb", "rakefile.rb",
	"Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "bin/importmap",
}

// codeAlone are the ends of files that run on the server and are in no asset.
var codeAlone = []string{".rb", ".erb", ".haml", ".slim", ".jbuilder", ".builder", ".rabl", ".ruby", ".axlsx", ".keep", ".gitkeep", ".md", ".rake"}

// notForAssets are folders at the top that no asset is made of.
var notForAssets = []string{"app", "db", "spec", "test", "features", "log", "tmp", "storage", "public", "doc", "docs", "coverage", "node_modules", "vendor"}

var (
	// scanners look for names of classes everywhere in the application.
	scanners = lazyregexp.New(`tailwind|purgecss|unocss|windicss|pandacss`)
	// morePaths are where Rails' configuration names further folders of assets.
	morePaths = lazyregexp.New(`assets\.(?:paths|prepend_path|append_path)\b|\bpaths\[["']app/assets`)
)

// reads gives what building the assets depends on; nothing for all of the source. That is where something looks for names everywhere,
// and where ERB in an asset may read anything.
func (p *Project) reads() []string {
	if !p.rails() || p.ownAssets() || p.gems.Has("tailwindcss-rails") || p.has("tailwind.config.js") || p.assetsWithERB() || scanners().MatchString(p.read("package.json")) {
		return nil
	}
	var names []string
	if p.NeedsNode() && p.has("package.json") || p.findsAssetsElsewhere() {
		names = p.allButCode()
	} else {
		for _, name := range assetSources {
			if p.has(name) || p.app.IsDir(p.in(name)) {
				names = append(names, p.in(name))
			}
		}
	}
	for _, s := range p.gems.Specs {
		// Engines in the source bring assets of their own.
		if dir := p.besideGemfile(s.Remote); s.Source == "PATH" && p.app.IsDir(dir) && dir != p.in(".") {
			names = append(names, dir)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findsAssetsElsewhere reports whether the configuration names folders of assets.
func (p *Project) findsAssetsElsewhere() bool {
	found := false
	// Rails loads initializers of any depth; what cannot be read is told by Rails.
	_ = fs.WalkDir(p.app.FS, p.in("config"), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && path.Ext(name) == ".rb" {
			text, _, err := p.app.Read(name)
			found = found || err == nil && morePaths().Match(text)
		}
		return nil
	})
	return found
}

// allButCode are all files and folders that a bundler of scripts might read, wherever it is told to look: those with code for the
// server alone are none.
func (p *Project) allButCode() (names []string) {
	add := func(dir string, skip []string) {
		entries, err := fs.ReadDir(p.app.FS, path.Clean(p.in(dir)))
		if err != nil {
			return
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if slices.Contains(skip, entry.Name()) || name == ".git" || name == bundleDir || name == p.vendored() {
				continue
			}
			if entry.IsDir() && dir != "." && p.codeOnly(p.in(name)) || !entry.IsDir() && slices.Contains(codeAlone, path.Ext(name)) && name != "gems.rb" {
				continue
			}
			names = append(names, p.in(name))
		}
	}
	add(".", notForAssets)
	add("app", nil)
	add("vendor", nil)
	return names
}

// codeOnly reports whether all files of a folder are code for the server.
func (p *Project) codeOnly(dir string) bool {
	only := true
	err := fs.WalkDir(p.app.FS, dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !slices.Contains(codeAlone, path.Ext(name)) {
			only = false
			err = fs.SkipAll
		}
		return err
	})
	return only && err == nil
}

// assetsWithERB reports whether Sprockets has an asset run Ruby.
func (p *Project) assetsWithERB() bool {
	found := false
	for _, dir := range []string{"app/assets", "app/javascript", "lib/assets", "vendor/assets"} {
		if !p.gems.Has("sprockets") {
			break
		}
		_ = fs.WalkDir(p.app.FS, p.in(dir), func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return fs.SkipDir
			}
			found = found || strings.HasSuffix(name, ".erb")
			return nil
		})
	}
	return found
}
