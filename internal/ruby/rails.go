package ruby

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/gem"
	"github.com/gantry-buildpack/gantry/internal/pattern"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// precompiles reports whether the assets have to be built: https://guides.rubyonrails.org/asset_pipeline.html.
func (p *Project) precompiles() bool {
	if !p.rails() || !p.has("Rakefile") {
		return false
	}
	for _, name := range []string{"propshaft", "sprockets-rails", "sprockets", "vite_rails", "shakapacker", "webpacker"} {
		if p.lock.Has(name) {
			return p.precompiled() == ""
		}
	}
	return false
}

// bootsnapCode runs Bootsnap's own program, whose place in a bundle differs. Ruby's library is somewhere else at launch.
const bootsnapCode = `require "bootsnap/cli"; exit Bootsnap::CLI.new(["precompile", "--gemfile", "--exclude", "^" + Regexp.escape(RbConfig::CONFIG["prefix"])]).run`

// bootsnap has the gems compiled, where that is asked for and the application loads Bootsnap: its cache knows files by their
// times and sizes. It is not the rule, since Ruby does not write the same bytes for the same code.
// The application's own code is left out, for that would have the gems unpacked for every change of it.
// https://github.com/rails/bootsnap#precompilation
func (p *Project) bootsnap(out *plan.Plan) {
	version, err := gem.Parse(p.lock.Version("bootsnap"))
	known, _ := gem.ParseRequirement(">= 1.16")
	if p.settings.BootsnapPrecompile.Value != "true" || out.Dependencies == nil || err != nil || !known.Matches(version) || !strings.Contains(p.read("config/boot.rb"), "bootsnap/setup") {
		return
	}
	dir := bundleDir + "/bootsnap"
	out.Dependencies.Compiled = &plan.Compiled{Dir: p.in(dir), Compile: plan.Command{
		Title: "bootsnap precompile --gemfile", Args: []string{"ruby", "-rbundler/setup", "-e", bootsnapCode}, Dir: p.dir,
		Env: map[string]string{"BOOTSNAP_CACHE_DIR": dir, "BUNDLE_WITHOUT": out.LaunchEnv["BUNDLE_WITHOUT"]},
	}}
	out.LaunchEnv["BOOTSNAP_CACHE_DIR"] = plan.AppDir + "/" + p.in(dir)
}

// precompiled gives the manifest of assets that are in the source already, empty without.
func (p *Project) precompiled() string {
	for _, pattern := range []string{"public/assets/.manifest.json", "public/assets/.sprockets-manifest-*", "public/assets/manifest-*.json"} {
		if found, _ := fs.Glob(p.app.FS, p.in(pattern)); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// assetSources are what building the assets reads: without code that looks elsewhere, the assets are the same as long as
// these are.
var assetSources = []string{
	"app/assets", "app/javascript", "app/components", "app/frontend", "lib/assets", "lib/tasks", "vendor/assets", "vendor/javascript", "config", "Rakefile",
	"Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "bin/importmap",
	"esbuild.config.js", "esbuild.config.mjs", "rollup.config.js", "webpack.config.js", "vite.config.ts", "vite.config.js", "vite.config.mts", "tsconfig.json", "postcss.config.js", "tailwind.config.js", ".browserslistrc",
	"babel.config.js", ".babelrc", "build.mjs", "build.js", "bun.config.js",
}

// reads gives what building the assets depends on. Tailwind looks for class names everywhere in the application, and ERB
// in an asset may read anything: then all of the source counts.
func (p *Project) reads() []string {
	manifest := p.read("package.json")
	if p.lock.Has("tailwindcss-rails") || p.lock.Has("sprockets-rails") && p.assetsWithERB() || strings.Contains(manifest, "tailwind") || p.has("tailwind.config.js") {
		return nil
	}
	var names []string
	for _, name := range assetSources {
		if p.has(name) || p.app.IsDir(p.in(name)) {
			names = append(names, p.in(name))
		}
	}
	for _, s := range p.lock.Specs {
		// Engines in the source bring assets of their own.
		if dir := p.in(s.Remote); s.Source == "PATH" && p.app.IsDir(dir) && dir != p.in(".") {
			names = append(names, dir)
		}
	}
	return names
}

func (p *Project) assetsWithERB() bool {
	found := false
	_ = fs.WalkDir(p.app.FS, p.in("app/assets"), func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		found = found || strings.HasSuffix(name, ".erb")
		return nil
	})
	return found
}

// assets adds the step that builds them.
func (p *Project) assets(out *plan.Plan) {
	if manifest := p.precompiled(); p.rails() && manifest != "" {
		out.Decisions = append(out.Decisions, plan.Decision{Subject: "assets", Value: "not built", Origin: manifest + " is in the source: they are built already"})
	}
	if !p.precompiles() {
		return
	}
	out.Scripts = append(out.Scripts, plan.Command{
		Title: "rails assets:precompile", Args: []string{"bundle", "exec", "rake", "assets:precompile"}, Dir: p.dir, Failures: assetFailures(p.in("config")),
		Env: map[string]string{
			"RAILS_ENV": "production", "RACK_ENV": "production", "SECRET_KEY_BASE_DUMMY": "1", "SKIP_YARN_INSTALL": "1", "SKIP_BUN_INSTALL": "1",
		},
	})
	if !p.knowsDummy() {
		out.Scripts[len(out.Scripts)-1].Env["SECRET_KEY_BASE"] = "only-for-building-assets"
	}
	out.Caches = append(out.Caches, p.in("tmp/cache/assets"))
	out.Slices = append(out.Slices, []string{p.in("public")})
	out.Pure, out.Reads = true, p.reads()
	// What the build leaves there is of no use to the running application.
	out.NotInImage = append(out.NotInImage, p.in("tmp/cache"), p.in("log/production.log"))
	why := "for Propshaft"
	if p.lock.Has("sprockets") && !p.lock.Has("propshaft") {
		why = "for Sprockets"
	}
	out.Decisions = append(out.Decisions, plan.Decision{Subject: "assets", Value: "rails assets:precompile", Origin: why + "; again only when what they are made of changes"})
}

// knowsDummy reports whether Rails makes up a secret for tasks itself (7.1 and later).
func (p *Project) knowsDummy() bool {
	version := p.lock.Version("railties")
	return version != "" && !strings.HasPrefix(version, "7.0.") && !slices.Contains([]string{"5", "6"}, version[:1])
}

// masterKey and credentials are Rails' encrypted configuration:
// https://guides.rubyonrails.org/security.html#custom-credentials.
const masterKey = "config/master.key"

var credentials = []string{"config/credentials.yml.enc", "config/credentials/production.yml.enc"}

var databaseURL = pattern.Lazy(`ENV(?:\.fetch\(|\[)\s*["']DATABASE_URL["']\s*(,|\)|\])`)

// config gives what the running application certainly needs, for the contract; what somebody declares counts before it.
func (p *Project) config(out *plan.Plan) {
	if !p.rails() {
		return
	}
	secret := plan.Variable{Name: "SECRET_KEY_BASE", Secret: true, Required: true, Description: "Rails signs and encrypts cookies with it; `rails secret` makes one"}
	for _, file := range credentials {
		if p.has(file) {
			secret.Required = false
			out.Config = append(out.Config, plan.Variable{Name: "RAILS_MASTER_KEY", Secret: true, Description: "decrypts " + file})
			out.AtLeastOne = append(out.AtLeastOne, []string{"RAILS_MASTER_KEY", "SECRET_KEY_BASE"})
			break
		}
	}
	out.Config = append(out.Config, secret)
	// A value behind it makes it optional.
	if m := databaseURL().FindStringSubmatch(p.read("config/database.yml")); m != nil && m[1] == ")" {
		out.Config = append(out.Config, plan.Variable{Name: "DATABASE_URL", Type: "url", Secret: true, Required: true, Description: "config/database.yml reads it"})
	}
	if p.has(masterKey) {
		out.NotInImage = append(out.NotInImage, p.in(masterKey))
		out.Warnings = append(out.Warnings, path.Join(p.dir, masterKey)+" is a secret. It is left out of the image; give it to the container as RAILS_MASTER_KEY, and take it out of the source.")
	}
}
