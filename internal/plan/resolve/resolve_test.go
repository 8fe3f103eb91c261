package resolve_test

import (
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

const lock = "GEM\n  remote: https://rubygems.org/\n  specs:\n    puma (6.6.0)\n    railties (7.2.2)\n    propshaft (1.3.2)\n"

// Which language leads where an application has files of both, and whether the other one comes along for the build.
func TestTwoLanguages(t *testing.T) {
	rails := map[string]string{"Gemfile": "gem 'rails'", "Gemfile.lock": lock, "config/application.rb": "", "Rakefile": "", "config.ru": ""}
	for name, c := range map[string]struct {
		files    map[string]string
		more     map[string]string
		language string
		provides bool
		atLaunch bool
	}{
		"Rails alone":               {files: rails, more: nil, language: "ruby", provides: false, atLaunch: false},
		"Rails and packages":        {files: rails, more: map[string]string{"package.json": `{"dependencies":{"a":"1"}}`, "package-lock.json": `{"lockfileVersion":3,"packages":{}}`}, language: "ruby", provides: true, atLaunch: false},
		"execjs without a package":  {files: rails, more: map[string]string{"Gemfile.lock": lock + "    execjs (2.8.1)\n\nDEPENDENCIES\n  execjs\n"}, language: "ruby", provides: true, atLaunch: true},
		"a gem that loads it":       {files: rails, more: map[string]string{"Gemfile": "gem 'rails'\ngem 'terser'\n", "Gemfile.lock": lock + "    terser (1.0)\n      execjs\n    execjs (2.8.1)\n\nDEPENDENCIES\n  terser\n"}, language: "ruby", provides: true, atLaunch: true},
		"that gem, without a lock":  {files: map[string]string{"Gemfile": "gem 'rails'\ngem 'terser'\ngem 'puma'\ngem 'propshaft'\n", "config/application.rb": "", "Rakefile": "", "config.ru": ""}, more: nil, language: "ruby", provides: true, atLaunch: true},
		"one that loads it later":   {files: rails, more: map[string]string{"Gemfile": "gem 'rails'\ngem 'terser', require: false\n", "Gemfile.lock": lock + "    terser (1.0)\n      execjs\n    execjs (2.8.1)\n\nDEPENDENCIES\n  terser\n"}, language: "ruby", provides: true, atLaunch: false},
		"one for building":          {files: rails, more: map[string]string{"Gemfile": "gem 'rails'\ngem 'terser', group: :assets\n", "Gemfile.lock": lock + "    terser (1.0)\n      execjs\n    execjs (2.8.1)\n\nDEPENDENCIES\n  terser\n"}, language: "ruby", provides: true, atLaunch: false},
		"execjs without Rails":      {files: map[string]string{"Gemfile": "gem 'execjs'", "Gemfile.lock": "GEM\n  specs:\n    execjs (2.8.1)\n\nDEPENDENCIES\n  execjs\n", "app.rb": "require 'execjs'"}, more: nil, language: "ruby", provides: true, atLaunch: true},
		"mini_racer in its place":   {files: rails, more: map[string]string{"Gemfile.lock": lock + "    execjs (2.8.1)\n    mini_racer (0.1)\n"}, language: "ruby", provides: false, atLaunch: false},
		"assets that are built":     {files: rails, more: map[string]string{"package.json": `{}`, "public/assets/.manifest.json": "{}"}, language: "ruby", provides: false, atLaunch: false},
		"a Gemfile for tools":       {files: map[string]string{"Gemfile": "gem 'fastlane'", "Gemfile.lock": "GEM\n  specs:\n    fastlane (2.0)\n", "package.json": `{"scripts":{"start":"node server.js"}}`, "server.js": ""}, more: nil, language: "node", provides: false, atLaunch: false},
		"the same, without a lock":  {files: map[string]string{"Gemfile": "gem 'fastlane'", "package.json": `{"scripts":{"start":"node server.js"}}`, "server.js": ""}, more: nil, language: "node", provides: false, atLaunch: false},
		"a Procfile of Node.js":     {files: rails, more: map[string]string{"package.json": `{}`, "server.js": "", "Procfile": "web: node server.js\n"}, language: "node", provides: false, atLaunch: false},
		"Node.js alone":             {files: map[string]string{"package.json": `{}`, "server.js": ""}, more: nil, language: "node", provides: false, atLaunch: false},
		"a process of Node.js":      {files: rails, more: map[string]string{"package.json": `{}`, "Procfile": "web: bundle exec puma\nrender: PORT=1 node render.js\n"}, language: "ruby", provides: true, atLaunch: true},
		"the same, in Sinatra":      {files: map[string]string{"Gemfile": "gem 'sinatra'", "Gemfile.lock": "GEM\n  specs:\n    puma (6.6.0)\n", "config.ru": ""}, more: map[string]string{"Procfile": "web: bundle exec puma\nrender: npx thing\n"}, language: "ruby", provides: true, atLaunch: true},
		"a gem that runs it":        {files: rails, more: map[string]string{"Gemfile.lock": lock + "    grover (1.2.4)\n", "package.json": `{}`}, language: "ruby", provides: true, atLaunch: true},
		"mini_racer in place of it": {files: rails, more: map[string]string{"Gemfile.lock": lock + "    react-rails (3.2.1)\n    mini_racer (0.1)\n"}, language: "ruby", provides: false, atLaunch: false},
		"it is asked for":           {files: rails, more: map[string]string{"project.toml": "[dev.gantry.ruby]\nnode-at-launch = true\n"}, language: "ruby", provides: true, atLaunch: true},
		"it is not wanted":          {files: rails, more: map[string]string{"package.json": `{}`, "Procfile": "web: bundle exec puma\nrender: node render.js\n", "project.toml": "[dev.gantry.ruby]\nnode-at-launch = false\n"}, language: "ruby", provides: true, atLaunch: false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			source := fstest.MapFS{}
			for _, files := range []map[string]string{c.files, c.more} {
				for file, text := range files {
					source[file] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			p := planned(g, source)
			g.Expect(p.Toolchains[0].Language).To(Equal(c.language))
			node, _ := p.Toolchain("node")
			provides := c.language == "ruby" && node.Language != ""
			g.Expect(provides).To(Equal(c.provides))
			if c.provides {
				g.Expect(node.AtLaunch()).To(Equal(c.atLaunch), "whether the image holds something of it")
			}
		})
	}
}

// What Node.js is told to load at launch is in the image.
func TestFilesOfTheOtherLanguage(t *testing.T) {
	g := NewWithT(t)
	source := fstest.MapFS{}
	for file, text := range map[string]string{
		"Gemfile": "gem 'rails'", "Gemfile.lock": lock, "config/application.rb": "", "Rakefile": "", "config.ru": "",
		"Procfile": "web: bundle exec puma\nrender: node render.js\n", "package.json": `{"dependencies": {"a": "1"}}`, "yarn.lock": "__metadata:\n  version: 8\n",
	} {
		source[file] = &fstest.MapFile{Data: []byte(text)}
	}
	p := planned(g, source)
	g.Expect(p.Image.Environment.Options["NODE_OPTIONS"]).To(ContainSubstring("{files}/pnploader.cjs"))
	g.Expect(p.Image.Environment.Files).To(HaveKey("pnploader.cjs"))
	g.Expect(p.Image.Environment.Files).To(HaveKey("puma.rb"))
}

// Where the application is not in the folder, the hint names those in which there is one.
func TestNotRecognized(t *testing.T) {
	g := NewWithT(t)
	source := fstest.MapFS{}
	hint := func() string {
		_, err := resolve.Recognize(app.App{FS: source}, nothing)
		g.Expect(err).To(MatchError(resolve.ErrNotRecognized))
		g.Expect(problem.As(err).ID).To(Equal("app/unknown"))
		return problem.As(err).Hints[0]
	}
	g.Expect(hint()).To(Equal("Name the application's folder; if it is one of several in a repository, set BP_NODE_PROJECT_PATH."))
	for _, name := range []string{"api/Gemfile", "web/package.json", "apps/a/package.json", "apps/a/b/package.json", "node_modules/c/package.json", ".ci/package.json"} {
		source[name] = &fstest.MapFile{}
	}
	g.Expect(hint()).To(Equal("Name the application's folder; for one of api, web, apps/a, set BP_NODE_PROJECT_PATH=api."))
	for _, name := range []string{"1/package.json", "2/package.json", "3/package.json"} {
		source[name] = &fstest.MapFile{}
	}
	g.Expect(hint()).To(HavePrefix("Name the application's folder; for one of api, 1, 2, 3, set "))
}

// Defaults of buildpack.toml decide where the application says nothing.
func TestDefaultsOfBuildpackTOML(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"Node.js":                     {files: map[string]string{"server.js": ""}, want: "22.23.5 from the default in buildpack.toml (22)"},
		"Node.js, the files say more": {files: map[string]string{"server.js": "", ".nvmrc": "24.18.0\n"}, want: "24.18.0 from .nvmrc (24.18.0)"},
		"Ruby":                        {files: map[string]string{"Gemfile": "gem 'rackup'\ngem 'webrick'\n", "config.ru": ""}, want: "3.3.8 from the default in buildpack.toml (3.3.8)"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			source := fstest.MapFS{}
			for file, text := range c.files {
				source[file] = &fstest.MapFile{Data: []byte(text)}
			}
			resolver, err := resolve.For(map[string]any{"configurations": []map[string]any{
				{"name": "BP_NODE_VERSION", "default": "22"}, {"name": "BP_RUBY_VERSION", "default": "3.3.8"},
			}})
			g.Expect(err).NotTo(HaveOccurred())
			r, err := resolver.Plan(app.App{FS: source}, resolve.Given{Lookup: nothing}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Time{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(r.Decisions[0].Value + " " + r.Decisions[0].Origin).To(Equal(c.want))
		})
	}
}

// Defaults of the container's variables are in the image's environment; what is wrong with them is an error.
func TestContainerDefaultsOfBuildpackTOML(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		want            string
	}{
		"a switch":   {variable: "BPL_CONSOLE_ENABLED", value: "false"},
		"none":       {variable: "BPL_YJIT"},
		"bad":        {variable: "BPL_DRAIN_DELAY", value: "5", want: "buildpack.toml: the default of BPL_DRAIN_DELAY is not understood: it must be a time such as 5s or 1m30s [settings/bad-value]"},
		"misspelled": {variable: "BPL_DIAGNOSTIC", value: "off", want: `buildpack.toml: buildpack.toml has a configuration "BPL_DIAGNOSTIC" that Gantry does not know [settings/unknown-configuration]`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			resolver, err := resolve.For(map[string]any{"configurations": []any{map[string]any{"name": c.variable, "default": c.value}}})
			if c.want != "" {
				g.Expect(err).To(MatchError(c.want))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			r, err := resolver.Plan(app.App{FS: fstest.MapFS{"server.js": {}}}, resolve.Given{Lookup: nothing}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Time{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(r.Plan.Image.Environment.Variables[c.variable]).To(Equal(c.value))
		})
	}
}

func nothing(string) (string, bool) { return "", false }

func planned(g *WithT, source fstest.MapFS) plan.Plan {
	r, err := resolve.Plan(app.App{FS: source}, resolve.Given{Lookup: nothing}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Time{})
	g.Expect(err).NotTo(HaveOccurred())
	return r.Plan
}
