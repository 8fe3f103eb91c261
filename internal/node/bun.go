package node

import (
	"github.com/gantry-buildpack/gantry/internal/pattern"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

var bunFormat = pattern.Lazy(`"lockfileVersion":\s*(\d+)`)

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

func (p *Project) bun(d *plan.Dependencies) {
	d.Env = map[string]string{"BUN_INSTALL_CACHE_DIR": plan.StoreDir}
	install := []string{"bun", "install", "--no-progress"}
	if p.manager.lockfile == "" {
		install = append(install, "--no-save")
	} else {
		install = append(install, "--frozen-lockfile")
	}
	d.Install = runs(install...)
	d.InstallLaunch = runs(with(install, "--production")...)
}

func bunFailures(lockfile string) []plan.Failure {
	return []plan.Failure{{
		Shows: "lockfile had changes, but lockfile is frozen",
		ID:    "node/lockfile-out-of-sync", Title: lockfile + " does not fit package.json", Where: lockfile,
		Hints: []string{"Run `bun install`, look at what it changes in " + lockfile + ", and commit it."},
	}}
}
