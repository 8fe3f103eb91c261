package resolve_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/conventions"
)

func moved(g *WithT, files, variables map[string]string) resolve.Resolved {
	source := fstest.MapFS{"server.js": {}, "package.json": {Data: []byte(`{"name":"shop"}`)}}
	for name, text := range files {
		source[name] = &fstest.MapFile{Data: []byte(text)}
		if text == "-" {
			delete(source, name)
		}
	}
	given := resolve.Given{Variables: variables, Lookup: func(name string) (string, bool) {
		value, found := variables[name]
		return value, found
	}}
	r, err := resolve.Plan(app.App{FS: source}, given, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Time{})
	g.Expect(err).NotTo(HaveOccurred())
	return r
}

// What variables of other platforms say is decided as Gantry's own would decide it, with their names as the origin.
func TestVariablesOfOtherPlatforms(t *testing.T) {
	rubyApp := map[string]string{"package.json": "-", "server.js": "-", "Gemfile": "gem 'puma'", "config.ru": ""}
	for name, c := range map[string]struct {
		files, variables map[string]string
		// want is a decision, as "subject value origin".
		want string
	}{
		"Google's version":              {variables: map[string]string{"GOOGLE_NODEJS_VERSION": "22"}, want: "Node.js 22.* from GOOGLE_NODEJS_VERSION"},
		"Google's version, of Ruby":     {files: rubyApp, variables: map[string]string{"GOOGLE_RUNTIME_VERSION": "3.3.8"}, want: "Ruby 3.3.8 from GOOGLE_RUNTIME_VERSION"},
		"Railpack's version":            {variables: map[string]string{"RAILPACK_NODE_VERSION": "22"}, want: "Node.js 22.* from RAILPACK_NODE_VERSION"},
		"Gantry's own comes first":      {variables: map[string]string{"RAILPACK_NODE_VERSION": "22", "BP_NODE_VERSION": "24"}, want: "Node.js 24.* from BP_NODE_VERSION"},
		"project.toml comes first":      {files: map[string]string{"project.toml": "[dev.gantry.node]\nversion = \"24\"\n"}, variables: map[string]string{"NIXPACKS_NODE_VERSION": "22"}, want: "Node.js 24.* from project.toml:2:1"},
		"an entrypoint":                 {variables: map[string]string{"GOOGLE_ENTRYPOINT": "node other.js"}, want: "web node other.js from GOOGLE_ENTRYPOINT"},
		"an entrypoint, of Ruby":        {files: rubyApp, variables: map[string]string{"RAILPACK_START_CMD": "ruby server.rb"}, want: "web ruby server.rb from RAILPACK_START_CMD"},
		"a function":                    {files: map[string]string{"package.json": `{"dependencies":{"@google-cloud/functions-framework":"^3"}}`}, variables: map[string]string{"GOOGLE_FUNCTION_TARGET": "hello"}, want: "web functions-framework --target=hello from GOOGLE_FUNCTION_TARGET"},
		"Gantry's own command":          {files: map[string]string{"project.toml": "[dev.gantry.process.web]\ncommand = \"node a.js\"\n"}, variables: map[string]string{"BP_WEB_COMMAND": "node b.js", "GOOGLE_ENTRYPOINT": "node c.js"}, want: "web node b.js from BP_WEB_COMMAND"},
		"another's, after project.toml": {files: map[string]string{"project.toml": "[dev.gantry.process.web]\ncommand = \"node a.js\"\n"}, variables: map[string]string{"GOOGLE_ENTRYPOINT": "node c.js"}, want: "web node a.js from project.toml:2:1"},
		"a launch point":                {variables: map[string]string{"BP_LAUNCHPOINT": "./src/my app.js"}, want: "web node 'src/my app.js' from BP_LAUNCHPOINT"},
		"over a Procfile":               {files: map[string]string{"Procfile": "web: node a.js\n"}, variables: map[string]string{"NIXPACKS_START_CMD": "node b.js"}, want: "web node b.js from NIXPACKS_START_CMD"},
		"packages":                      {variables: map[string]string{"RAILPACK_DEPLOY_APT_PACKAGES": "ffmpeg libvips42"}, want: "system packages ffmpeg, libvips42 from RAILPACK_DEPLOY_APT_PACKAGES"},
		"a folder to serve":             {files: map[string]string{"public/index.html": ""}, variables: map[string]string{"BP_WEB_SERVER_ROOT": "/workspace/public/"}, want: "web static files in public from BP_WEB_SERVER_ROOT"},
		"a script":                      {files: map[string]string{"package.json": `{"scripts":{"assets":"true"}}`}, variables: map[string]string{"RAILPACK_BUILD_CMD": "npm run assets"}, want: "build npm run assets from package.json:1:*"},
		"labels":                        {variables: map[string]string{"BP_IMAGE_LABELS": `a=b c="d e"`, "BP_OCI_REF_NAME": "v1", "GOOGLE_LABEL_TEAM": "shop"}, want: "labels a, c, google.team and 1 more from variables of the build"},
		"variables of containers":       {variables: map[string]string{"BPE_LEVEL": "debug"}, want: "environment LEVEL from BPE_ variables of the build"},
		"files that are removed":        {files: map[string]string{".slugignore": "# a comment\ndocs/\n*.psd\n"}, want: "removed docs/, *.psd from .slugignore, before the build"},
		"files that are left out":       {variables: map[string]string{"BP_EXCLUDE_FILES": "docs:*.md"}, want: "left out docs, *.md from BP_EXCLUDE_FILES"},
		"a last script":                 {files: map[string]string{"package.json": `{"scripts":{"heroku-cleanup":"rm -r src"}}`}, want: "build npm run heroku-cleanup from package.json:1:*"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var all []string
			for _, d := range moved(g, c.files, c.variables).Decisions {
				all = append(all, d.Subject+" "+d.Value+" "+d.Origin)
			}
			g.Expect(all).To(ContainElement(MatchRegexp("^"+strings.ReplaceAll(regexp.QuoteMeta(c.want), `\*`, ".*"))), strings.Join(all, "\n"))
		})
	}
}

// What has no effect is answered, once, with what to do instead; and only that.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		files, variables map[string]string
		want             []string
	}{
		"a variable":                                  {variables: map[string]string{"NODE_MODULES_CACHE": "false"}, want: []string{"NODE_MODULES_CACHE (of Heroku) has no effect: packages are kept by what the lockfile says, and are never out of date; pack build --clear-cache forgets all that is kept."}},
		"one of Paketo":                               {variables: map[string]string{"BP_DISABLE_SBOM": "true"}, want: []string{"BP_DISABLE_SBOM (of Paketo) has no effect: the SBOM is made of what the lockfile says, and takes no time; it is in no layer of the image's file system that the application sees."}},
		"a command that is no script":                 {variables: map[string]string{"RAILPACK_BUILD_CMD": "make all"}, want: []string{"RAILPACK_BUILD_CMD (of Railpack) has no effect: scripts of package.json to run while building: `npm run build && npm run assets`; another command is written as a script of package.json, which BP_NODE_RUN_SCRIPTS names."}},
		"a file":                                      {files: map[string]string{".profile": "export A=1"}, want: []string{".profile (of Heroku) is not read: no shell runs before a process: set variables where the image is deployed, or as [dev.gantry.config.NAME] default = \"…\" in project.toml; or start the process with a shell: web: . ./.profile && exec …."}},
		"another app.yaml":                            {files: map[string]string{"app.yaml": "name: shop"}},
		"an application's own":                        {variables: map[string]string{"GOOGLE_CLIENT_ID": "1", "HEROKU_API": "2"}},
		"a variable that is honoured":                 {variables: map[string]string{"BP_NODE_OPTIMIZE_MEMORY": "true", "YARN2_SKIP_PRUNING": "true"}},
		"no pruning, which is not asked":              {variables: map[string]string{"YARN2_SKIP_PRUNING": "false"}, want: nil},
		"a function without its framework":            {variables: map[string]string{"GOOGLE_FUNCTION_TARGET": "hello"}, want: []string{"GOOGLE_FUNCTION_TARGET (of Google) has no effect: the functions framework is started with that function, if it is among the dependencies: the package @google-cloud/functions-framework, or the gem functions_framework."}},
		"a web server for an application that starts": {variables: map[string]string{"BP_WEB_SERVER": "nginx"}, want: []string{"BP_WEB_SERVER has no effect: no process serves files. BP_STATIC_DIR names the folder of files to serve."}},
		"a secret":                                    {variables: map[string]string{"BPE_API_TOKEN": "abc"}, want: []string{"BPE_API_TOKEN looks like a secret, and is in the image, where everybody reads it who has the image: set API_TOKEN where the image is deployed."}},
		"folders to cache":                            {files: map[string]string{"package.json": `{"cacheDirectories":["node_modules","dist",".cache"]}`}, want: []string{"cacheDirectories in package.json names dist, which is not kept from build to build: what a step makes is used again while all that the step read is unchanged. A tool's own cache is kept if \"cache\" is in its name."}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := moved(g, c.files, c.variables)
			var told []string
			for _, w := range r.Warnings {
				if !strings.Contains(w, "lockfile: ") && !strings.Contains(w, "without a lockfile") {
					told = append(told, w)
				}
			}
			g.Expect(told).To(Equal(c.want))
		})
	}
}

// Each row is complete, and each setting that takes a value is one.
func TestConventionsAreWhole(t *testing.T) {
	g := NewWithT(t)
	for _, p := range conventions.Platforms {
		for _, r := range p.Rows {
			g.Expect(r.Name()).NotTo(BeEmpty(), p.Name)
			g.Expect(r.Does).NotTo(BeEmpty(), r.Name())
			g.Expect(r.Does).NotTo(HaveSuffix("."), r.Name())
			if r.As != "" {
				g.Expect(r.Honoured).To(BeTrue(), r.Name())
			}
			if r.Variable != "" {
				_, found, ok := conventions.Of(r.Variable)
				g.Expect(ok).To(BeTrue(), r.Name())
				g.Expect(found.Variable).To(Equal(r.Variable))
			}
		}
	}
}

// For development, web is started again with changes, and no-reload is the same without that; production is not touched.
func TestLiveReload(t *testing.T) {
	g := NewWithT(t)
	g.Expect(moved(g, nil, nil).Image.Processes).To(HaveLen(1))
	processes := moved(g, nil, map[string]string{"BP_LIVE_RELOAD_ENABLED": "true"}).Image.Processes
	g.Expect(processes).To(HaveLen(2))
	g.Expect(processes[0].Type).To(Equal("web"))
	g.Expect(processes[0].Reload).To(BeTrue())
	g.Expect(processes[1].Type).To(Equal("no-reload"))
	g.Expect(processes[1].Reload || processes[1].Default).To(BeFalse())
	g.Expect(processes[1].Args).To(Equal(processes[0].Args))
	// The server for files sees them by itself.
	site := map[string]string{"package.json": "-", "server.js": "-", "index.html": ""}
	g.Expect(moved(g, site, map[string]string{"BP_LIVE_RELOAD_ENABLED": "true"}).Image.Processes).To(HaveLen(1))
}
