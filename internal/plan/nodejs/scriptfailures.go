package nodejs

import (
	"cmp"
	"regexp"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// scriptFailures are what is known to go wrong while an application's own scripts build it, in the words of the tools that
// they run; what is surest first.
func (p *Project) scriptFailures() []plan.Failure {
	lockfile := cmp.Or(p.manager.Lockfile, "the lockfile")
	variable := func(shows, quote string, hints ...string) plan.Failure {
		return plan.Failure{
			Shows: shows, Quote: regexp.MustCompile(quote), ID: "node/build-needs-variable", Title: "building the application needs variables", Where: p.in(packagejson.Name),
			Hints: append([]string{"Give the build the variable, as with pack build --env NAME=VALUE; it is not kept in the image."}, hints...),
		}
	}
	return []plan.Failure{
		{
			// Of Rollup, esbuild, SWC, Lightning CSS, Tailwind CSS.
			Quote: regexp.MustCompile(`(?m)(?:Cannot find (?:module|package)|The package) ["']?([\w@./-]*linux-(?:x64|arm64)[\w-]*(?:\.node)?)`),
			ID:    "node/lockfile-of-another-system", Title: "the lockfile lacks a package for Linux", Where: lockfile,
			Hints: []string{
				"npm leaves it out when it finds packages of another system in place: delete node_modules and " + lockfile + ", run `" + p.manager.Lock + "`, and commit the lockfile.",
			},
		},
		{
			// Of Debian's sh, of Bash and of BusyBox.
			Quote: regexp.MustCompile(`(?m)^(?:/bin/)?sh: (?:(?:line )?\d+: )?(\S+): (?:command )?not found$`),
			ID:    "node/build-program-missing", Title: "a script runs a program that is not there", Where: p.in(packagejson.Name),
			Hints: []string{"Add the package that it comes in to devDependencies and commit the lockfile; a program of the system has to be in the build image."},
		},
		variable("Invalid environment variables", `(?m)(?:\[\s*'|[{,]\s*|^\s*)([A-Z][A-Z0-9_]+)(?:'\s*\]|: \[)`,
			"Or let the build do without: with @t3-oss/env, SKIP_ENV_VALIDATION=1 where the code looks at that."),
		variable("Environment variable not found: ", `Environment variable not found: (\w+)`),
		variable("Missing required environment variable: ", `Missing required environment variable: (\w+)`),
		{
			Shows: "ERR_OSSL_EVP_UNSUPPORTED",
			ID:    "node/build-openssl", Title: "the application is built with an old webpack, which asks OpenSSL for what it has no more", Where: p.in(packagejson.Name),
			Hints: []string{"Move to webpack 5; until then, give the build NODE_OPTIONS=--openssl-legacy-provider."},
		},
		{
			Shows: "JavaScript heap out of memory",
			ID:    "node/build-memory", Title: "building the application takes more memory than Node.js may use", Where: p.in(packagejson.Name),
			Hints: []string{"Give the build NODE_OPTIONS=--max-old-space-size=4096 (in MiB), and the machine that it runs on as much."},
		},
		{
			Shows: "not a git repository",
			ID:    "node/build-needs-git", Title: "building the application asks git, and a build has no repository", Where: p.in(packagejson.Name),
			Hints: []string{"Give the build what it asks for as a variable, such as the revision, and let the script read that."},
		},
		{
			Quote: regexp.MustCompile(`(?:getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|connect (?:ECONNREFUSED|ETIMEDOUT)|Failed to fetch .+ from) (Google Fonts|\S+)`),
			ID:    "node/build-needs-network", Title: "building the application did not reach a host", Where: p.in(packagejson.Name),
			Hints: []string{
				"A build has no databases and services next to it: let the code ask them when it runs.",
				"What is fetched from the network, such as fonts, can be kept in the source (with Next.js: next/font/local).",
			},
		},
	}
}
