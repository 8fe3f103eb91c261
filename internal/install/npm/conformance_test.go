package npm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// The umask that builds have: npm's modes depend on it.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// npms gives the newest npm of each major version that is pinned, by version: how to call it. Trees of npm 8 and 12 are left to them.
func npms(t *testing.T) map[string][]string {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not compared with npm, which trees are installed: there is no node on PATH")
	}
	releases, err := inventory.For("amd64", "glibc", nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	found, majors := map[string][]string{}, map[string]bool{"8": true, "12": true}
	for _, release := range releases.Releases {
		major, _, _ := strings.Cut(release.Version, ".")
		if release.Name != "npm" || majors[major] {
			continue
		}
		majors[major] = true
		dir := filepath.Join("../../../build/npm", release.Version)
		if _, err := os.Stat(dir); err != nil {
			registry := os.Getenv("GANTRY_NPM_REGISTRY")
			if registry == "" {
				registry = "https://registry.npmjs.org"
			}
			saved := filepath.Join(t.TempDir(), "npm.tgz")
			source := fetch.File{URL: registry + "/npm/-/npm-" + release.Version + ".tgz", Checksum: release.Integrity}
			_, _, err := fetch.NewClient("gantry-test").Save(context.Background(), source, saved)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			in, err := os.Open(saved)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			partial := dir + ".partial"
			NewWithT(t).Expect(os.MkdirAll(partial, 0o755)).To(Succeed())
			NewWithT(t).Expect(archive.Gunzip(in, partial, archive.Options{Strip: 1})).To(Succeed())
			NewWithT(t).Expect(in.Close()).To(Succeed())
			NewWithT(t).Expect(os.Rename(partial, dir)).To(Succeed())
		}
		program, err := filepath.Abs(filepath.Join(dir, "bin/npm-cli.js"))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		found[release.Version] = []string{node, program}
	}
	return found
}

// calls runs npm with a configuration of its own.
type calls struct {
	program  []string
	registry string
	home     string
}

func (c calls) run(dir string, arguments ...string) (string, error) {
	cmd := exec.Command(c.program[0], append(append(c.program[1:], arguments...), "--ignore-scripts", "--no-audit", "--no-fund",
		"--userconfig", filepath.Join(c.home, "npmrc"), "--cache", filepath.Join(c.home, "cache"))...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "NODE_EXTRA_CA_CERTS=" + os.Getenv("NODE_EXTRA_CA_CERTS")}
	if c.registry != "" {
		cmd.Env = append(cmd.Env, "npm_config_registry="+c.registry)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// host is this machine in npm's words.
func host(npmVersion string) npm.Host {
	version, _ := exec.Command("node", "--version").Output()
	return npm.Host{CPU: "x64", Libc: "glibc", Node: strings.TrimPrefix(strings.TrimSpace(string(version)), "v"), NPM: npmVersion}
}

func download(ctx context.Context, file fetch.File, path string) (int64, error) {
	client := fetch.NewClient("gantry-test")
	client.Tries = 1
	size, _, err := client.Save(ctx, file, path)
	return size, err
}

func describe(ctx context.Context, file fetch.File) ([]byte, error) {
	client := fetch.NewClient("gantry-test")
	client.Tries = 1
	return client.Text(ctx, file)
}

// lock is the name of the lockfile in a folder.
func lock(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "npm-shrinkwrap.json")); err == nil {
		return "npm-shrinkwrap.json"
	}
	return "package-lock.json"
}

// workspaces gives the folders that the test's applications keep workspaces in.
func workspaces(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "packages/*/package.json"))
	var folders []string
	for _, file := range found {
		folder, _ := filepath.Rel(dir, filepath.Dir(file))
		folders = append(folders, folder)
	}
	return folders
}

func read(dir, registry, npmVersion string) (*npm.Tree, error) {
	rc, _ := os.ReadFile(filepath.Join(dir, ".npmrc"))
	variables := map[string]string{}
	if registry != "" {
		variables["npm_config_registry"] = registry
	}
	config, err := npm.ReadConfig([]string{string(rc)}, variables)
	if err != nil {
		return nil, err
	}
	return npm.Read(npm.Project{Dir: dir, Lockfile: lock(dir), Workspaces: workspaces(dir), Config: config, Host: host(npmVersion)})
}

// listing describes every file, folder and link below a folder, less empty folders: npm 10 leaves some behind of what it
// has left out.
func listing(t *testing.T, dir string) map[string]string {
	found := map[string]string{}
	NewWithT(t).Expect(filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, file)
		found[name] = info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(file)
			found[name] += " -> " + target
			return err
		case info.Mode().IsRegular():
			content, err := os.ReadFile(file)
			sum := sha256.Sum256(content)
			found[name] += " " + hex.EncodeToString(sum[:6])
			return err
		}
		return nil
	})).To(Succeed())
	filled := map[string]bool{}
	for name, state := range found {
		for at := name; !strings.HasPrefix(state, "d") && at != "."; {
			at = filepath.Dir(at)
			filled[at] = true
		}
	}
	maps.DeleteFunc(found, func(name, state string) bool { return strings.HasPrefix(state, "d") && !filled[name] })
	return found
}

// differences names what two trees do not share.
func differences(want, got map[string]string) string {
	var lines []string
	for name, state := range want {
		if got[name] != state {
			lines = append(lines, fmt.Sprintf("%s: npm made %q, Gantry %q", name, state, got[name]))
		}
	}
	for name, state := range got {
		if _, both := want[name]; !both {
			lines = append(lines, fmt.Sprintf("%s: npm did not make it, Gantry %q", name, state))
		}
	}
	return strings.Join(lines, "\n")
}

// copyDir copies an application.
func copyDir(t *testing.T, from string) string {
	to := t.TempDir()
	NewWithT(t).Expect(os.CopyFS(to, os.DirFS(from))).To(Succeed())
	return to
}

// compare installs an application in both ways and reports what differs.
func compare(t *testing.T, app, version string, c calls) {
	for _, omit := range []bool{false, true} {
		theirs, ours := copyDir(t, app), copyDir(t, app)
		arguments := []string{"ci"}
		if omit {
			arguments = append(arguments, "--omit=dev")
		}
		out, err := c.run(theirs, arguments...)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), out)
		tree, err := read(ours, c.registry, version)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		_, err = tree.Complete(t.Context(), filepath.Join(c.home, "store"), describe)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		_, err = tree.Install(t.Context(), filepath.Join(c.home, "store"), download, npm.Target{Dir: ours, OmitDev: omit})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		if diff := differences(listing(t, theirs), listing(t, ours)); diff != "" {
			t.Errorf("the trees differ (omit dev: %v):\n%s", omit, diff)
		}
	}
}

// Each rule of npm's, on packages made for it: the tree that Gantry makes is npm's.
func TestRulesConform(t *testing.T) {
	for version, program := range npms(t) {
		for name, c := range rules() {
			t.Run(version+"/"+name, func(t *testing.T) {
				r := newRegistry(t, c.packs)
				r.slow = c.slow
				home := t.TempDir()
				calls := calls{program: program, registry: r.URL, home: home}
				app := t.TempDir()
				for _, f := range txtar.Parse([]byte(c.app)).Files {
					file := filepath.Join(app, f.Name)
					NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
					NewWithT(t).Expect(os.WriteFile(file, f.Data, 0o644)).To(Succeed())
				}
				for name, files := range c.tarballs {
					NewWithT(t).Expect(os.WriteFile(filepath.Join(app, name), tarball(t, files), 0o644)).To(Succeed())
				}
				out, err := calls.run(app, append([]string{"install", "--package-lock-only"}, c.lockWith...)...)
				NewWithT(t).Expect(err).NotTo(HaveOccurred(), out)
				for _, change := range c.afterLock {
					change(t, app)
				}
				compare(t, app, version, calls)
			})
		}
	}
}

// The samples' own lockfiles, with packages of the npm registry, the large one with the newest npm alone; GANTRY_TEST_APPS names
// folders with more of them.
func TestApplicationsConform(t *testing.T) {
	programs := npms(t)
	newest := slices.MaxFunc(slices.Collect(maps.Keys(programs)), func(a, b string) int {
		v, _ := semver.Parse(a)
		w, _ := semver.Parse(b)
		return v.Compare(w)
	})
	for version, program := range programs {
		apps := append([]string{"../../../samples/express"}, filepath.SplitList(os.Getenv("GANTRY_TEST_APPS"))...)
		if version == newest {
			apps = append(apps, "../../../samples/typescript")
		}
		for _, app := range apps {
			t.Run(version+"/"+filepath.Base(app), func(t *testing.T) {
				c := calls{program: program, registry: os.Getenv("GANTRY_NPM_REGISTRY"), home: t.TempDir()}
				compare(t, app, version, c)
			})
		}
	}
}
