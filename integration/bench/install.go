package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
)

// installFlag makes this program install the folder that it is started in.
const installFlag = "--install"

// rival gives how to call npm; empty where there is none.
func rival() []string {
	if path, err := exec.LookPath("npm"); err == nil {
		return []string{path}
	}
	fmt.Println("There is no npm on PATH: nothing is compared with it.")
	return nil
}

func (b *bench) npmEnv(cache string) []string {
	env := []string{"npm_config_userconfig=/dev/null", "npm_config_cache=" + cache, "npm_config_audit=false", "npm_config_fund=false",
		"npm_config_update_notifier=false"}
	if registry := os.Getenv("BP_NPM_REGISTRY"); registry != "" {
		env = append(env, "npm_config_registry="+registry)
	}
	return env
}

// installs compares installations from lockfiles: with nothing cached, and with everything cached.
func (b *bench) installs(ctx context.Context) error {
	for _, app := range []struct{ name, dir string }{
		{"express", "samples/express"}, {"nestjs", "samples/typescript"}, {"large", "integration/bench/testdata/large"},
	} {
		if err := b.install(ctx, app.name, filepath.Join(b.root, app.dir)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) install(ctx context.Context, name, app string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	packages, err := countPackages(app)
	if err != nil {
		return err
	}
	// Each run gets folders of its own, and none is removed before the end: on some file systems (ext4 without a journal)
	// files are made many times slower for minutes after others were removed.
	store, cache := "", ""
	for _, warm := range []bool{false, true} {
		gantry := func(run int) (cost, error) {
			dir, err := b.fresh(app)
			if err != nil {
				return cost{}, err
			}
			if !warm {
				store = filepath.Join(b.home, fmt.Sprintf("%s-store-%d", name, run))
			}
			return command{dir: dir, args: []string{self, installFlag, store}}.run(ctx)
		}
		var npm func(int) (cost, error)
		if len(b.npm) > 0 {
			npm = func(run int) (cost, error) {
				dir, err := b.fresh(app)
				if err != nil {
					return cost{}, err
				}
				arguments := []string{"ci", "--ignore-scripts"}
				if warm {
					arguments = append(arguments, "--prefer-offline")
				} else {
					cache = filepath.Join(b.home, fmt.Sprintf("%s-npm-%d", name, run))
				}
				return command{dir: dir, env: b.npmEnv(cache), args: append(b.npm, arguments...)}.run(ctx)
			}
		}
		ours, theirs, err := alternate(b.runs, gantry, npm)
		if err != nil {
			return err
		}
		state, what := "cold", "nothing cached, against npm ci"
		if warm {
			state, what = "warm", "everything cached, against npm ci --prefer-offline"
		}
		what = fmt.Sprintf("install of %d packages, %s", packages, what)
		b.add("install-"+name+"-"+state, what, "s", walls(ours), walls(theirs))
		b.add("install-"+name+"-"+state+"-cpu", what+": processor time", "s", cpus(ours), cpus(theirs))
		b.add("install-"+name+"-"+state+"-memory", what+": peak memory", "MB", memories(ours), memories(theirs))
	}
	return nil
}

// fresh copies an application's manifest and lockfile into a new folder.
func (b *bench) fresh(app string) (string, error) {
	dir, err := os.MkdirTemp(b.home, "app-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(app, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func tree(dir string) (*npm.Tree, error) {
	variables := map[string]string{}
	if registry := os.Getenv("BP_NPM_REGISTRY"); registry != "" {
		variables["npm_config_registry"] = registry
	}
	config, err := npm.ReadConfig(nil, variables)
	if err != nil {
		return nil, err
	}
	cpu := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if cpu == "" {
		cpu = runtime.GOARCH
	}
	return npm.Read(npm.Project{
		Dir: dir, Lockfile: "package-lock.json", Config: config,
		Host: npm.Host{CPU: cpu, Libc: "glibc", Node: "24.18.0", NPM: "11.17.0"},
	})
}

func countPackages(app string) (int, error) {
	t, err := tree(app)
	if err != nil {
		return 0, err
	}
	return len(t.Folders(false)), nil
}

// installHere is what is measured: the packages of the folder's lockfile, for building.
func installHere(ctx context.Context, store string) error {
	t, err := tree(".")
	if err != nil {
		return err
	}
	client := fetch.NewClient("gantry-bench")
	download := func(ctx context.Context, file fetch.File, path string) (int64, error) {
		size, _, err := client.Save(ctx, file, path)
		return size, err
	}
	_, err = t.Install(ctx, store, download, npm.Target{Dir: "."})
	return err
}
