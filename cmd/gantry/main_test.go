package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// call carries a command line out, and gives what it prints of itself, its errors, and its exit code.
func call(t *testing.T, arguments ...string) (out, errors string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	code = execute(context.Background(), root, arguments, &stderr)
	return stdout.String(), stderr.String(), code
}

// path gives the words of a command, without the program.
func path(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

// Who asks for help gets it at every level: on standard output, with exit code 0 and nothing beside.
func TestHelpEverywhere(t *testing.T) {
	for _, c := range all(newRoot()) {
		for _, flag := range []string{"--help", "-h"} {
			t.Run(c.CommandPath()+" "+flag, func(t *testing.T) {
				g := NewWithT(t)
				out, errors, code := call(t, append(path(c), flag)...)
				g.Expect(code).To(Equal(0))
				g.Expect(errors).To(BeEmpty())
				g.Expect(out).To(ContainSubstring("Usage:\n  " + c.CommandPath()))
				g.Expect(out).NotTo(MatchRegexp(`(?i)true\|false|stringArray|\bduration\b`))
			})
		}
	}
}

// A word or an option that is not known is refused by every command, with exit code 2 and the one that is meant.
func TestMistakesInTheCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"profil":                          "gantry: there is no command gantry profil; did you mean profile?\n\ngantry --help says more.\n",
		"profile cpuu":                    "gantry: there is no command gantry profile cpuu; did you mean cpu?\n\ngantry profile --help says more.\n",
		"zzz":                             "gantry: there is no command gantry zzz\n\ngantry --help says more.\n",
		"help frob":                       "gantry: there is no command gantry frob\n\ngantry --help says more.\n",
		"help profile cpuu":               "gantry: there is no command gantry profile cpuu; did you mean cpu?\n\ngantry profile --help says more.\n",
		"completion fishy":                "gantry: there is no command gantry completion fishy; did you mean fish?\n\ngantry completion --help says more.\n",
		"build . --run-env A=1":           "gantry: --run-env is for the start of --verify\n\ngantry build --help says more.\n",
		"build . --timeline x.txt":        "gantry: --timeline is FILE.html or FILE.json, and not x.txt\n\ngantry build --help says more.\n",
		"build . --env =x":                "gantry: a variable is NAME=VALUE, or NAME, and one of those that are given has no such name\n\ngantry build --help says more.\n",
		"stop web --time -5s":             "gantry: --time is a time such as 30s, and not below 0\n\ngantry stop --help says more.\n",
		"profile cpu run://web --for -1s": "gantry: --for is a time such as 30s, and not below 0\n\ngantry profile cpu --help says more.\n",
		"build":                           "gantry: gantry build needs one folder, APP_DIR\n\ngantry build --help says more.\n",
		"build . here":                    "gantry: gantry build takes one folder, APP_DIR, and \"here\" is one word too many\n\ngantry build --help says more.\n",
		"build . --publsh x":              "gantry: there is no option --publsh of gantry build; did you mean --publish?\n\ngantry build --help says more.\n",
		"prune --force":                   "gantry: there is no option --force of gantry prune\n\ngantry prune --help says more.\n",
		"explain --arch sparc":            "gantry: --arch is \"sparc\", and can be amd64, arm64\n\ngantry explain --help says more.\n",
		"explain --arch amd46":            "gantry: --arch is \"amd46\", and can be amd64, arm64; did you mean amd64?\n\ngantry explain --help says more.\n",
		"check --env-format shell":        "gantry: --env-format is \"shell\", and can be dotenv, docker\n\ngantry check --help says more.\n",
		"check --diff one":                "gantry: gantry check --diff needs two images, OLD and NEW\n\ngantry check --help says more.\n",
		"report":                          "gantry: gantry report needs a FILE, or - for standard input\n\ngantry report --help says more.\n",
		"report --text --open x":          "gantry: --text writes no page: leave out --open and --output\n\ngantry report --help says more.\n",
		"compare one":                     "gantry: gantry compare needs two captures, BEFORE and AFTER\n\ngantry compare --help says more.\n",
		"compare a b --metric bytes":      "gantry: --metric is \"bytes\", and can be allocations, objects, time, wall\n\ngantry compare --help says more.\n",
		"contract init a --app b":         "gantry: the application's folder is given twice: a and --app b\n\ngantry contract init --help says more.\n",
		"stacks deploy/web now":           "gantry: gantry stacks takes a TARGET, and \"now\" is one word too many\n\ngantry stacks --help says more.\n",
		"logpoint deploy/web a.js:1":      "gantry: gantry logpoint needs a TARGET FILE:LINE EXPRESSION\n\ngantry logpoint --help says more.\n",
		"profile cpu pod/a --for soon":    "gantry: --for is \"soon\", which is no time such as 30s or 5m\n\ngantry profile cpu --help says more.\n",
		"run":                             "gantry: gantry run needs one IMAGE or APP_DIR; a command comes behind --\n\ngantry run --help says more.\n",
		"run . --memory lots":             "gantry: --memory is \"lots\"; write 512m or 2g, and at least 6m\n\ngantry run --help says more.\n",
		"run . --read-only --writable":    "gantry: --read-only and --writable exclude each other\n\ngantry run --help says more.\n",
		"debug deploy/web --all-pods":     "gantry: a debugger attaches to one process: leave out --all-pods, or name a pod\n\ngantry debug --help says more.\n",
		"base image registry.example/x":   "gantry: the kind of a base image is tiny, base or build, and not image\n\ngantry base --help says more.\n",
		"profile cpu pod/a -o x --text":   "gantry: --text keeps no file: leave out --output and --open\n\ngantry profile cpu --help says more.\n",
		"profile cpu pod/a --all --text":  "gantry: --all writes several captures in the container: choose a process with --pid here\n\ngantry profile cpu --help says more.\n",
	} {
		t.Run(line, func(t *testing.T) {
			g := NewWithT(t)
			out, errors, code := call(t, strings.Fields(line)...)
			g.Expect(errors).To(Equal(want))
			g.Expect(out).To(BeEmpty())
			g.Expect(code).To(Equal(2))
		})
	}
}

// Where an application runs has to be said, in one of four ways.
func TestTargets(t *testing.T) {
	for line, want := range map[string]string{
		"stacks":                           "[target/unknown]",
		"stacks web":                       "it is not clear where web runs  [target/unknown]\n  do     Write deploy/web, pod/web-5d4f, docker://web or run://web.",
		"stacks depoly/web":                "why    depoly is no kind of object that has pods",
		"stacks docker://web -n shop":      "--namespace is for clusters, and docker:// is none  [target/option]",
		"stacks run://no-such --context x": "--context is for clusters, and run:// is none  [target/option]",
		"stacks docker://web --all-pods":   "--all-pods is for clusters, and docker:// is none  [target/option]",
	} {
		t.Run(line, func(t *testing.T) {
			_, errors, code := call(t, strings.Fields(line)...)
			NewWithT(t).Expect(errors).To(ContainSubstring(want))
			NewWithT(t).Expect(code).To(Equal(2))
		})
	}
}

func TestVersionAndCompletion(t *testing.T) {
	g := NewWithT(t)
	for _, line := range []string{"--version", "version"} {
		out, _, code := call(t, line)
		g.Expect(out).To(MatchRegexp(`^gantry \d+\.\d+\.\d+`))
		g.Expect(code).To(Equal(0))
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, _, code := call(t, "completion", shell)
		g.Expect(code).To(Equal(0))
		g.Expect(out).To(ContainSubstring("gantry"))
	}
	out, _, _ := call(t, "__complete", "profile", "")
	g.Expect(out).To(ContainSubstring("cpu\tWhere processor time goes"))
}

// Each command has a man page.
func TestManPages(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	_, errors, code := call(t, "man", dir)
	g.Expect(code).To(Equal(0), errors)
	for _, c := range all(newRoot()) {
		if c.IsAvailableCommand() || c.HasAvailableSubCommands() {
			text, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).To(ContainSubstring(".SH SYNOPSIS"))
		}
	}
}

// A first project.toml says what a build does anyway: it changes nothing, is accepted by a build and by the schema, and so is each line of it
// when its # is taken off.
func TestInit(t *testing.T) {
	g := NewWithT(t)
	for name, files := range map[string]map[string]string{
		"node": {"package.json": `{"scripts": {"start": "node server.js"}, "engines": {"node": "24"}}`, "server.js": "process.env.DATABASE_URL; process.env.LOG_LEVEL || 'info'"},
		"ruby": {"Gemfile": "source 'https://rubygems.org'\ngem 'rack'\n", "config.ru": "run ->(e) { [200, {}, [ENV.fetch('GREETING')]] }", "Procfile": "web: rackup -p $PORT\nworker: ruby \"a b.rb\"\n",
			"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.1.8)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  rack\n\nBUNDLED WITH\n   2.6.2\n"},
	} {
		dir := t.TempDir()
		for file, text := range files {
			g.Expect(os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)).To(Succeed())
		}
		_, errors, code := call(t, "init", dir)
		g.Expect(code).To(Equal(0), name+": "+errors)
		written, err := os.ReadFile(filepath.Join(dir, "project.toml"))
		g.Expect(err).NotTo(HaveOccurred())
		var uncommented strings.Builder
		for line := range strings.Lines(string(written)) {
			if text, comment := strings.CutPrefix(line, "# "); comment && (strings.HasPrefix(text, "[") || strings.HasPrefix(text, "# ") || strings.Contains(text, " = ") && !strings.HasSuffix(strings.TrimSpace(text), ".")) {
				line = text
			}
			uncommented.WriteString(line)
		}
		s := compiled(g)
		for _, text := range []string{string(written), uncommented.String()} {
			g.Expect(valid(g, s, text)).To(Succeed(), text)
			g.Expect(read(text)).To(Succeed(), text)
		}
		g.Expect(uncommented.String()).To(ContainSubstring("\n[dev.gantry.process.web]"))
		g.Expect(uncommented.String()).To(ContainSubstring("\n[dev.gantry.config."))

		g.Expect(os.WriteFile(filepath.Join(dir, "project.toml"), []byte("# mine\n"), 0o644)).To(Succeed())
		_, errors, code = call(t, "init", dir)
		g.Expect(code).To(Equal(1))
		g.Expect(errors).To(ContainSubstring("project.toml is there already  [init/exists]"))
		kept, err := os.ReadFile(filepath.Join(dir, "project.toml"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(kept)).To(Equal("# mine\n"))
		g.Expect(app.Open(dir).Has("project.toml")).To(BeTrue())
	}
}

// A file that is not there is not told of as one that could not be written.
func TestFilesThatAreNotThere(t *testing.T) {
	for _, line := range []string{"report nowhere.cpuprofile", "compare nowhere.json other.json"} {
		_, errors, code := call(t, strings.Fields(line)...)
		NewWithT(t).Expect(code).To(Equal(2))
		NewWithT(t).Expect(errors).To(And(ContainSubstring("a file could not be read  [disk/read]"), ContainSubstring("Check the name: there is no such file.")))
	}
}
