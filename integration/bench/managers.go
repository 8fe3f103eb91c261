package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// manager is a package manager other than npm, as a rival and as what an application is installed with.
type manager struct {
	name, pkg, program string
	// lock writes a lockfile, from package-lock.json where the manager can read that; install is the manager's own frozen installation.
	lock, install []string
	env           []string
}

func managers() []manager {
	arch := map[string]string{"amd64": "x64", "arm64": "aarch64"}[runtime.GOARCH]
	return []manager{
		{name: "yarn", pkg: "yarn@1.22.22", program: "yarn/bin/yarn.js", lock: []string{"install", "--ignore-scripts", "--non-interactive"}, install: []string{"install", "--frozen-lockfile", "--non-interactive"},
			env: []string{"YARN_IGNORE_ENGINES=true"}},
		{name: "yarn-4", pkg: "berry@npm:@yarnpkg/cli-dist@4.13.0", program: "berry/bin/yarn.js", lock: []string{"install", "--mode=update-lockfile"},
			install: []string{"install", "--immutable"}, env: []string{"YARN_NODE_LINKER=node-modules", "YARN_ENABLE_TELEMETRY=0"}},
		{name: "pnpm", pkg: "pnpm@10.34.9", program: "pnpm/bin/pnpm.cjs", lock: []string{"import"}, install: []string{"install", "--frozen-lockfile"}},
		{name: "bun", pkg: "@oven/bun-linux-" + arch + "@1.3.14", program: "@oven/bun-linux-" + arch + "/bin/bun", lock: []string{"install", "--lockfile-only"}, install: []string{"install", "--frozen-lockfile"}},
	}
}

// managed measures unchanged rebuilds of the NestJS sample with every other package manager: bin/build with the build
// script, against the manager's own frozen installation, everything in its cache, and the same script.
func (b *bench) managed(ctx context.Context) error {
	if len(b.npm) == 0 {
		return nil
	}
	tools := filepath.Join(b.home, "managers")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	for _, m := range managers() {
		args := append(b.npm, "install", "--prefix", tools, "--ignore-scripts", m.pkg)
		if _, err := (command{dir: tools, env: b.npmEnv(filepath.Join(b.home, "managers-npm")), args: args}).run(ctx); err != nil {
			return err
		}
		if err := b.measureManager(ctx, m, filepath.Join(tools, "node_modules", m.program)); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func (b *bench) measureManager(ctx context.Context, m manager, program string) error {
	home := filepath.Join(b.home, "home-"+m.name)
	call := func(p *project, arguments ...string) (cost, error) {
		args := append([]string{program}, arguments...)
		if filepath.Ext(program) != "" {
			args = append([]string{"node"}, args...)
		}
		return command{dir: p.dir, env: append(m.env, "HOME="+home, "CI=true", "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home), args: args}.run(ctx)
	}
	locked, err := b.project("typescript")
	if err != nil {
		return err
	}
	if m.name == "yarn-4" {
		if err := os.WriteFile(filepath.Join(locked.dir, ".yarnrc.yml"), []byte("nodeLinker: node-modules\n"), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(locked.dir, "yarn.lock"), nil, 0o644); err != nil {
			return err
		}
		m.env = append(m.env, "YARN_ENABLE_IMMUTABLE_INSTALLS=false")
	}
	if _, err := call(locked, m.lock...); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(locked.dir, "package-lock.json")); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(locked.dir, "node_modules")); err != nil {
		return err
	}
	fresh := func() (*project, error) {
		p, err := b.project("typescript")
		if err != nil {
			return nil, err
		}
		if err := os.RemoveAll(p.dir); err != nil {
			return nil, err
		}
		return p, os.CopyFS(p.dir, os.DirFS(locked.dir))
	}
	p, err := fresh()
	if err != nil {
		return err
	}
	_, log, err := p.build(ctx)
	if err != nil {
		return err
	}
	first, err := costOf(log, "build")
	if err != nil {
		return err
	}
	byHand := func(int) (cost, error) {
		q, err := fresh()
		if err != nil {
			return cost{}, err
		}
		installed, err := call(q, m.install...)
		if err != nil {
			return cost{}, err
		}
		built, err := call(q, "run", "build")
		return cost{Wall: installed.Wall + built.Wall}, err
	}
	// Writing the lockfile may have filled its cache.
	home += "-first"
	firstByHand, err := byHand(0)
	if err != nil {
		return err
	}
	ours, theirs, err := alternate(b.runs, func(int) (cost, error) {
		_, log, err := p.build(ctx)
		if err != nil {
			return cost{}, err
		}
		return costOf(log, "build")
	}, byHand)
	if err != nil {
		return err
	}
	b.add("manager-"+m.name+"-first", "first build of the NestJS sample with "+m.name+": bin/build, Node.js fetched too, against "+m.name+"'s own frozen install with nothing cached and the build script; one run", "s",
		[]float64{first.Wall}, []float64{firstByHand.Wall})
	b.add("manager-"+m.name+"-same", "unchanged rebuild of it: bin/build, against "+m.name+"'s own frozen install with a warm cache and the build script", "s", walls(ours), walls(theirs))
	for _, edit := range []struct {
		name, what string
		change     func(run int) error
	}{
		{"readme", "README.md edited", p.editReadme},
		{"line", "one line of source changed", func(run int) error { return p.touch("src/app.controller.ts", run) }},
	} {
		ours, theirs, err := alternate(b.runs, func(run int) (cost, error) {
			if err := edit.change(run); err != nil {
				return cost{}, err
			}
			_, log, err := p.build(ctx)
			if err != nil {
				return cost{}, err
			}
			return costOf(log, "build")
		}, byHand)
		if err != nil {
			return err
		}
		b.add("manager-"+m.name+"-"+edit.name, "the same, "+edit.what, "s", walls(ours), walls(theirs))
	}
	return nil
}
