package pkgmanager

import (
	"regexp"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// npmError finds the lines of npm's error report, less their prefix and npm's advice on its own usage.
func npmError(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^npm (?:error|ERR!) (` + pattern + `)$`)
}

// installFailures are what is known to go wrong while npm installs; the texts are those of npm 10 to 12.
func npmFailures(lockfile string) []plan.Failure {
	return []plan.Failure{
		{
			Shows: "can only install packages when your package.json and", Quote: npmError(`(?:Missing|Invalid): .*`),
			ID: "node/lockfile-out-of-sync", Title: lockfile + " does not fit package.json", Where: lockfile,
			Hints: []string{"Run `npm install`, look at what it changes in " + lockfile + ", and commit it."},
		},
		{
			Shows: "can only install with an existing package-lock.json", Quote: npmError(`.*lockfileVersion.*`),
			ID: "node/lockfile-invalid", Title: lockfile + " cannot be used", Where: lockfile,
			Hints: []string{"Delete it, run `npm install`, and commit the new one."},
		},
		{
			Shows: "code E401", Quote: npmError(`(?:Unable|Incorrect|401|need auth).*`),
			ID: "node/registry-unauthorized", Title: "the npm registry wants credentials", Where: ".npmrc",
			Hints: []string{"Give the build an .npmrc with a valid token, as a service binding of type npmrc or with the token in a variable."},
		},
		{
			Shows: "code E403", Quote: npmError(`403 .*`),
			ID: "node/registry-forbidden", Title: "the npm registry refuses a package", Where: ".npmrc",
			Hints: []string{"Check that the token may read this package."},
		},
		{
			Shows: "code E404", Quote: npmError(`404 .*is not in this registry.*|404 .*Not [Ff]ound.*`),
			ID: "node/package-not-found", Title: "a package is not in the npm registry", Where: lockfile,
			Hints: []string{"Check its name and version, and that the right registry is set for its scope in .npmrc."},
		},
		{
			Shows: "code EINTEGRITY", Quote: npmError(`(?:sha\d+-).*`),
			ID: "node/package-integrity", Title: "a package is not the one that the lockfile pins", Where: lockfile,
			Hints: []string{"If a registry or proxy was changed on purpose, run `npm install` and commit the lockfile; otherwise do not go on."},
		},
		{
			Shows: "code SELF_SIGNED_CERT_IN_CHAIN",
			ID:    "node/registry-certificate", Title: "the npm registry's certificate is not trusted",
			Hints: []string{"Add your CA certificate to the build image, or set NODE_EXTRA_CA_CERTS for the build to a file that holds it."},
		},
		{
			Shows: "code ENOSPC",
			ID:    "disk/full", Title: "the disk is full",
			Hints: []string{"Free space where builds run, then build again. The cache of the last build is as it was."},
		},
	}
}

// unreached names a host that is not reached, in the words of Node.js, Bun and Git.
var unreached = lazyregexp.New(`(?:getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|connect (?:ECONNREFUSED|ETIMEDOUT)|downloading tarball|Could not resolve host(?:name)?:?) ([\w@./:-]*[\w])`)

// networkFailure is what every package manager fails of when the network does.
func networkFailure() plan.Failure {
	return plan.Failure{
		Quote: unreached(),
		ID:    "node/registry-unreachable", Title: "installing packages did not reach a host",
		Hints: []string{
			"Check the build's network, and whether it needs a proxy (HTTPS_PROXY).",
			"For a registry of your own, set BP_NPM_REGISTRY, or registry in .npmrc; dependencies from Git need that host, too.",
		},
	}
}

// NativeFailures are those of node-gyp, which every package manager runs to compile a package; the texts are those of
// node-gyp 9 to 12.
func NativeFailures() []plan.Failure {
	cwd := regexp.MustCompile(`(?m)gyp ERR! cwd (.+)$`)
	var list []plan.Failure
	for _, missing := range []struct{ shows, tool, pkg string }{
		{"gyp ERR! find Python", "Python 3", "python3"},
		{"not found: make", "make", "make"},
		{"g++: No such file or directory", "a C++ compiler", "g++"},
		{"g++: not found", "a C++ compiler", "g++"},
		{"cc: not found", "a C compiler", "gcc"},
		{"cc: No such file or directory", "a C compiler", "gcc"},
	} {
		list = append(list, plan.Failure{
			Shows: missing.shows, Quote: cwd,
			ID: "node/native-tool-missing", Title: "a package has to be compiled, and " + missing.tool + " is missing in the build image",
			Hints: []string{
				"Take a build image that has it; on Debian and Ubuntu it is the package " + missing.pkg + " (node-gyp needs python3, make and g++).",
				"Or take a version of the package that brings a program for this platform.",
			},
		})
	}
	return list
}
