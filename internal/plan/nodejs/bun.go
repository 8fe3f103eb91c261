package nodejs

import (
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var bunFormat = lazyregexp.New(`"lockfileVersion":\s*(\d+)`)

// usualBun: an older Bun does not read a newer lockfile, a newer one wants to rewrite an older.
func (m manager) usualBun() string {
	match := bunFormat().FindSubmatch(m.text)
	switch {
	case m.lockfile == "bun.lock" && match != nil && string(match[1]) == "0":
		return "1.2.x"
	case m.lockfile == "bun.lock" && match != nil && string(match[1]) == "1":
		return "1.3.x"
	default:
		return ">=1.4"
	}
}

// bun installs with Bun.
func (p *Project) bun(in plan.Install) plan.Install {
	in.Commands.Env = map[string]string{"BUN_INSTALL_CACHE_DIR": plan.StoreDir}
	install := []string{"bun", "install", "--no-progress"}
	if p.manager.lockfile == "" {
		install = append(install, "--no-save")
	} else {
		install = append(install, "--frozen-lockfile")
	}
	all, onlyLaunch := runs(install...), runs(with(install, "--production")...)
	// https://bun.com/docs/pm/lifecycle.
	blocked := []plan.OutputWarning{{
		Quote: blockedScripts(), Title: "Bun has not run install scripts of packages that it does not trust",
		Hint: "What they compile or fetch is not there: run `bun pm untrusted`, and add those that you trust to trustedDependencies in package.json.",
	}}
	all.Warnings, onlyLaunch.Warnings = blocked, blocked
	in.Commands.All, in.Commands.OnlyLaunch = all, onlyLaunch
	return in
}

var blockedScripts = lazyregexp.New(`(?m)^Blocked (\d+ \w+)`)

func bunFailures(lockfile string) []plan.Failure {
	if lockfile == "" {
		return nil
	}
	return []plan.Failure{
		{
			Shows: "lockfile had changes, but lockfile is frozen",
			ID:    "node/lockfile-out-of-sync", Title: lockfile + " does not fit package.json", Where: lockfile,
			Hints: []string{"Run `bun install`, look at what it changes in " + lockfile + ", and commit it."},
		},
		{
			Shows: "Integrity check failed for tarball", Quote: bunIntegrity(),
			ID: "node/package-integrity", Title: "a package is not the one that " + lockfile + " pins", Where: lockfile,
			Hints: []string{"If a registry or proxy was changed on purpose, run `bun install` without the lockfile and commit the new one; otherwise do not go on."},
		},
	}
}

var bunIntegrity = lazyregexp.New(`(Integrity check failed for tarball: \S+)`)

// bunEntry is the file that "bun ." would run where Node.js could not: what "bun init" names in "module", or leaves to its
// place. It runs TypeScript as it is.
func (p *Project) bunEntry() (text, origin string) {
	if p.manager.name != "bun" {
		return "", ""
	}
	for _, named := range []struct{ key, file string }{{"module", p.manifest.Module}, {"main", p.manifest.Main}} {
		file := path.Clean(named.file)
		if named.file != "" && p.has(file) && (named.key == "module" || typescript(file)) {
			return "bun run " + plan.Quote(file), "from " + named.key + " in " + p.manifest.Where(named.key).String()
		}
	}
	if p.has("index.ts") {
		return "bun run index.ts", "index.ts is there"
	}
	return "", ""
}

func typescript(file string) bool {
	return slices.Contains([]string{".ts", ".tsx", ".mts", ".cts"}, path.Ext(file))
}
