package ruby

import (
	"io/fs"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// precompiles reports whether the assets are built, as far as that is known without asking Rake:
// https://guides.rubyonrails.org/asset_pipeline.html.
func (p *Project) precompiles() bool { return p.task() == taskLikely }

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
	found := p.task()
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
	traces := []string{p.in("tmp/cache"), p.in("log/production.log")}
	a.build = plan.Build{Steps: steps, Caches: []string{p.in("tmp/cache/assets")}, Traces: traces}
	a.slices = [][]string{{p.in("public")}}
	// What the build leaves there is of no use to the running application.
	a.remove = traces
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
