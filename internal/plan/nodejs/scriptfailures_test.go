package nodejs_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What tools print when a build fails, and what people read of it.
func TestFailuresOfScriptsWordForWord(t *testing.T) {
	const variables = "[node/build-needs-variable]\nGive the build the variable, as with pack build --env NAME=VALUE; it is not kept in the image.\n"
	p, err := read(txtar.Parse([]byte("-- package.json --\n{\"scripts\": {\"build\": \"x\", \"start\": \"node a.js\"}}\n-- package-lock.json --\n{\"lockfileVersion\": 3, \"packages\": {\"\": {}}}\n")), t.TempDir())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, c := range map[string]struct{ output, want string }{
		"Rollup": {output: "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies\n", want: "package-lock.json: the lockfile lacks a package for Linux: @rollup/rollup-linux-x64-gnu [node/lockfile-of-another-system]\n"},
		"esbuild": {output: "Error: The package \"@esbuild/linux-x64\" could not be found, and is needed by esbuild.\n", want: "package-lock.json: the lockfile lacks a package for Linux: @esbuild/linux-x64 [node/lockfile-of-another-system]\n" +
			"npm leaves it out when it finds packages of another system in place: delete node_modules and package-lock.json, run `npm install`, and commit the lockfile.\n"},
		"Lightning CSS": {output: "Error: Cannot find module '../lightningcss.linux-x64-gnu.node'\nRequire stack:\n", want: "package-lock.json: the lockfile lacks a package for Linux: ../lightningcss.linux-x64-gnu.node [node/lockfile-of-another-system]\n"},
		"a program, for Debian's shell": {output: "> vite build\n\nsh: 1: vite: not found\n", want: "package.json: a script runs a program that is not there: vite [node/build-program-missing]\n" +
			"Add the package that it comes in to devDependencies and commit the lockfile; a program of the system has to be in the build image.\n"},
		"a program, for Bash":    {output: "sh: line 1: vite: command not found\n", want: "package.json: a script runs a program that is not there: vite [node/build-program-missing]\n"},
		"a program, for BusyBox": {output: "/bin/sh: vite: not found\n", want: "package.json: a script runs a program that is not there: vite [node/build-program-missing]\n"},
		"t3-env": {output: "❌ Invalid environment variables: [\n  {\n    code: 'invalid_type',\n    path: [ 'DATABASE_URL' ],\n  },\n  {\n    path: [ 'AUTH_SECRET' ],\n  }\n", want: "package.json: building the application needs variables: DATABASE_URL; AUTH_SECRET " + variables +
			"Or let the build do without: with @t3-oss/env, SKIP_ENV_VALIDATION=1 where the code looks at that.\n"},
		"t3-env, before": {output: "❌ Invalid environment variables: { DATABASE_URL: [ 'Required' ],\n  AUTH_SECRET: [ 'Required' ] }\n", want: "package.json: building the application needs variables: DATABASE_URL; AUTH_SECRET " + variables},
		"Prisma":         {output: "error: Environment variable not found: DATABASE_URL.\n", want: "package.json: building the application needs variables: DATABASE_URL " + variables},
		"Prisma 7":       {output: "PrismaConfigEnvError: Missing required environment variable: DATABASE_URL\n", want: "package.json: building the application needs variables: DATABASE_URL " + variables},
		"OpenSSL":        {output: "  code: 'ERR_OSSL_EVP_UNSUPPORTED'\n", want: "package.json: the application is built with an old webpack, which asks OpenSSL for what it has no more [node/build-openssl]\nMove to webpack 5; until then, give the build NODE_OPTIONS=--openssl-legacy-provider.\n"},
		"memory": {output: "FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory\n", want: "package.json: building the application takes more memory than Node.js may use [node/build-memory]\n" +
			"Give the build NODE_OPTIONS=--max-old-space-size=4096 (in MiB), and the machine that it runs on as much.\n"},
		"Git": {output: "fatal: not a git repository (or any of the parent directories): .git\n", want: "package.json: building the application asks git, and a build has no repository [node/build-needs-git]\n" +
			"Give the build what it asks for as a variable, such as the revision, and let the script read that.\n"},
		"the network": {output: "getaddrinfo ENOTFOUND fonts.googleapis.com\nRetrying 1/3...\ngetaddrinfo ENOTFOUND fonts.googleapis.com\n", want: "package.json: building the application did not reach a host: fonts.googleapis.com [node/build-needs-network]\n" +
			"A build has no databases and services next to it: let the code ask them when it runs.\nWhat is fetched from the network, such as fonts, can be kept in the source (with Next.js: next/font/local).\n"},
		"fonts":          {output: "Error: next/font: error:\nFailed to fetch `Geist Mono` from Google Fonts.\n", want: "package.json: building the application did not reach a host: Google Fonts [node/build-needs-network]\n"},
		"a database":     {output: "Error: connect ECONNREFUSED 127.0.0.1:5432\n", want: "package.json: building the application did not reach a host: 127.0.0.1:5432 [node/build-needs-network]\n"},
		"something else": {output: "src/main.ts(3,1): error TS2304: Cannot find name 'x'.\nModule not found: a\n", want: "npm run build failed: it ended with exit code 5 [run/failed]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := failing(t, p.Build.Steps[0].Command, c.output)
			text := err.Error() + "\n"
			if strings.Count(c.want, "\n") > 1 {
				text += strings.Join(problem.As(err).Hints, "\n") + "\n"
			}
			if strings.HasSuffix(c.want, variables) {
				text = strings.Join(strings.SplitAfter(text, "\n")[:2], "")
			}
			g.Expect(text).To(Equal(c.want))
		})
	}
}

// failing runs a command of the plan as one that prints something and fails.
func failing(t *testing.T, step plan.Command, output string) error {
	file := filepath.Join(t.TempDir(), "output")
	NewWithT(t).Expect(os.WriteFile(file, []byte(output), 0o644)).To(Succeed())
	step.Args = []string{"/bin/sh", "-c", "cat " + file + "; exit 5"}
	err := command.Runner{Dir: t.TempDir(), Output: io.Discard}.Run(context.Background(), step)
	NewWithT(t).Expect(err).To(HaveOccurred())
	return err
}

// What package managers print when the network fails them.
func TestUnreachableWordForWord(t *testing.T) {
	p, err := read(txtar.Parse([]byte("-- package.json --\n{\"scripts\": {\"start\": \"node a.js\"}, \"dependencies\": {\"a\": \"1\"}}\n")), t.TempDir())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for output, host := range map[string]string{
		"npm error network request to https://codeload.example/a.tar.gz failed, reason: getaddrinfo ENOTFOUND codeload.example\n": "codeload.example",
		"npm ERR! ssh: Could not resolve hostname git.example: Name or service not known\n":                                       "git.example",
		"error: FailedToOpenSocket downloading tarball @s/a@0.224.0\n":                                                            "@s/a@0.224.0",
		"➤ YN0001: RequestError: connect ECONNREFUSED 127.0.0.1:4873\n":                                                           "127.0.0.1:4873",
	} {
		err := failing(t, p.Installs[0].Commands.All, output)
		NewWithT(t).Expect(err).To(MatchError("installing packages did not reach a host: " + host + " [node/registry-unreachable]"))
		NewWithT(t).Expect(problem.As(err).Hints).To(Equal([]string{
			"Check the build's network, and whether it needs a proxy (HTTPS_PROXY).",
			"For a registry of your own, set BP_NPM_REGISTRY, or registry in .npmrc; dependencies from Git need that host, too.",
		}))
	}
}

// What package managers print when a package is not the one that their lockfile pins.
func TestIntegrityWordForWord(t *testing.T) {
	for lockfile, c := range map[string]struct{ text, output, want string }{
		"yarn.lock": {text: "# yarn lockfile v1\n", output: "error https://registry.yarnpkg.com/a/-/a-2.0.0.tgz: Integrity check failed for \"a\" (computed integrity doesn't match our records, got \"sha512-x\")\n",
			want: `Integrity check failed for "a" [node/package-integrity]|If a registry or proxy was changed on purpose, run ` + "`yarn install --update-checksums`" + ` and commit the lockfile; otherwise do not go on.`},
		"yarn.lock of Yarn 4": {text: "__metadata:\n  version: 8\n  cacheKey: 10c0\n", output: "➤ YN0018: │ a@npm:2.0.0: The remote archive doesn't match the expected checksum\n",
			want: "a@npm:2.0.0: The remote archive doesn't match the expected checksum [node/package-integrity]|If a registry or proxy was changed on purpose, run `YARN_CHECKSUM_BEHAVIOR=update yarn install` and commit the lockfile; otherwise do not go on."},
		"pnpm-lock.yaml": {text: "lockfileVersion: '9.0'\n", output: " ERR_PNPM_TARBALL_INTEGRITY  Got unexpected checksum for \"https://registry.npmjs.org/a/-/a-2.0.0.tgz\". Wanted \"sha512-x\". Got \"sha512-y\".\n",
			want: "Got unexpected checksum for \"https://registry.npmjs.org/a/-/a-2.0.0.tgz\" [node/package-integrity]|If a registry or proxy was changed on purpose, run `pnpm install --update-checksums` and commit the lockfile; otherwise do not go on."},
		"bun.lock": {text: "{\"lockfileVersion\": 1}\n", output: "error: Integrity check failed for tarball: a\nerror: IntegrityCheckFailed extracting tarball from a\n",
			want: "Integrity check failed for tarball: a [node/package-integrity]|If a registry or proxy was changed on purpose, run `bun install` without the lockfile and commit the new one; otherwise do not go on."},
	} {
		t.Run(lockfile, func(t *testing.T) {
			g := NewWithT(t)
			name, _, _ := strings.Cut(lockfile, " ")
			p, err := read(&txtar.Archive{Files: []txtar.File{
				{Name: "package.json", Data: []byte(`{"dependencies": {"a": "2.0.0"}, "scripts": {"start": "node a.js"}}`)}, {Name: name, Data: []byte(c.text)},
			}}, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			err = failing(t, p.Installs[0].Commands.All, c.output)
			g.Expect(err.Error() + "|" + strings.Join(problem.As(err).Hints, "|")).To(Equal(name + ": a package is not the one that " + name + " pins: " + c.want))
		})
	}
}
