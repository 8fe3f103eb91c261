package pkgmanager

import (
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var bunFormat = lazyregexp.New(`"lockfileVersion":\s*(\d+)`)

// usualBun: an older Bun does not read a newer lockfile, a newer one wants to rewrite an older.
func (m Manager) usualBun() string {
	match := bunFormat().FindSubmatch(m.Text)
	switch {
	case m.Lockfile == "bun.lock" && match != nil && string(match[1]) == "0":
		return "1.2.x"
	case m.Lockfile == "bun.lock" && match != nil && string(match[1]) == "1":
		return "1.3.x"
	default:
		return ">=1.4"
	}
}

// bun installs with Bun.
func (m Manager) bun(in plan.Install, _ Source) plan.Install {
	in.Commands.Env = map[string]string{"BUN_INSTALL_CACHE_DIR": plan.StoreDir}
	install := []string{"bun", "install", "--no-progress"}
	if m.Lockfile == "" {
		install = append(install, "--no-save")
	} else {
		install = append(install, "--frozen-lockfile")
	}
	all, onlyLaunch := plan.Run(install...), plan.Run(with(install, "--production")...)
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
