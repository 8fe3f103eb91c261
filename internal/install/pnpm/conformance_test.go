package pnpm_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/pnpm"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch/prefetchtest"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// The umask that builds have: the modes of files depend on it.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// packagesOf are those of a lockfile that are installed here.
func packagesOf(t *testing.T, text []byte, layout pnpm.Layout) []pnpm.Package {
	g := NewWithT(t)
	manifest, err := os.ReadFile("testdata/app/package.json")
	g.Expect(err).NotTo(HaveOccurred())
	var m struct{ Dependencies, DevDependencies map[string]string }
	g.Expect(json.Unmarshal(manifest, &m)).To(Succeed())
	own := []lockfile.Wanted{{Dependencies: m.Dependencies, Dev: m.DevDependencies}}
	graph := lockfile.Read("pnpm-lock.yaml", text, own, lockfile.Platform{OS: "linux", CPU: "x64", Libc: "glibc"})
	var all []plan.Package
	for _, key := range graph.Needed([]string{""}, true) {
		q := graph.Packages[key]
		all = append(all, plan.Package{Key: key, Name: q.Name, Version: q.Version, Integrity: q.Integrity, Tarball: q.Tarball})
	}
	list, others := pnpm.Packages(all, layout, func(name, version string) string {
		return "https://registry.npmjs.org/" + name + "/-/" + filepath.Base(name) + "-" + version + ".tgz"
	})
	g.Expect(others).To(BeFalse())
	return list
}

// What Gantry puts into the store is what pnpm puts there; pnpm installs from it without a network, and makes the same tree.
func TestConforms(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not compared with pnpm, how its store is filled: there is no node on PATH")
	}
	for major, c := range map[string]struct {
		layout   pnpm.Layout
		lockfile string
	}{
		"8": {layout: pnpm.V3, lockfile: "pnpm-lock-6.yaml"}, "9": {layout: pnpm.V3, lockfile: "pnpm-lock-9.yaml"}, "10": {layout: pnpm.V10, lockfile: "pnpm-lock-9.yaml"},
	} {
		t.Run("pnpm "+major, func(t *testing.T) {
			g := NewWithT(t)
			program := filepath.Join(prefetchtest.Program(t, func(r plan.Release) bool {
				return r.Name == "pnpm" && strings.HasPrefix(r.Version, major+".")
			}), "bin/pnpm.cjs")
			text, err := os.ReadFile(filepath.Join("testdata/app", c.lockfile))
			g.Expect(err).NotTo(HaveOccurred())
			app := t.TempDir()
			g.Expect(os.CopyFS(app, os.DirFS("testdata/app"))).To(Succeed())
			g.Expect(os.WriteFile(filepath.Join(app, "pnpm-lock.yaml"), text, 0o644)).To(Succeed())
			// Commands name the folder that they are in, so that both trees are made in one.
			install := func(store string, more ...string) string {
				cmd := exec.Command(node, append([]string{program, "install", "--frozen-lockfile", "--ignore-scripts", "--store-dir=" + store}, more...)...)
				cmd.Dir, cmd.Env = app, append(os.Environ(), "HOME="+app, "npm_config_manage_package_manager_versions=false")
				out, err := cmd.CombinedOutput()
				g.Expect(err).NotTo(HaveOccurred(), "%s", out)
				tree := filepath.Join(t.TempDir(), "node_modules")
				g.Expect(os.Rename(filepath.Join(app, "node_modules"), tree)).To(Succeed())
				return tree
			}
			theirs, ours := t.TempDir(), t.TempDir()
			tree := install(theirs)

			list := packagesOf(t, text, c.layout)
			done, err := prefetch.Fill(t.Context(), prefetchtest.Packages(list), prefetch.Store{Kept: ours, Scratch: t.TempDir()}, prefetchtest.Download)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(done.Left).To(BeZero())
			g.Expect(done.Fetched).To(BeNumerically(">", 100))
			stored := func(store string) map[string]string { return storeOf(t, filepath.Join(store, string(c.layout)), major) }
			g.Expect(differences(stored(theirs), stored(ours))).To(BeEmpty())

			offline := install(ours, "--offline")
			different, _ := exec.Command("diff", "-r", "--no-dereference", "--exclude=.modules.yaml", "--exclude=.pnpm-workspace-state*.json", tree, offline).CombinedOutput()
			g.Expect(string(different)).To(BeEmpty())
			g.Expect(listing(t, offline)).To(Equal(listing(t, tree)))

			// Nothing is superfluous; with nothing needed, everything is.
			filled := stored(ours)
			g.Expect(pnpm.Prune(list, c.layout, prefetch.Store{Kept: ours})).To(Succeed())
			g.Expect(differences(filled, stored(ours))).To(BeEmpty())
			g.Expect(pnpm.Prune(nil, c.layout, prefetch.Store{Kept: ours})).To(Succeed())
			g.Expect(stored(ours)).To(BeEmpty())
		})
	}
}

func listing(t *testing.T, dir string) string {
	out, err := exec.Command("sh", "-c", `cd "$1" && find . -not -name '.modules.yaml' -not -name '.pnpm-workspace-state*' -printf '%p %m %l\n' | sort`, "sh", dir).Output()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(out)
}

// storeOf gives the files of a store by their modes, and lists by what they say, less when files were checked.
func storeOf(t *testing.T, dir, major string) map[string]string {
	g := NewWithT(t)
	found := map[string]string{}
	g.Expect(filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		place, _ := filepath.Rel(dir, name)
		info, err := entry.Info()
		g.Expect(err).NotTo(HaveOccurred())
		// pnpm makes commands executable, which are links to the store's files.
		found[place] = (info.Mode() &^ 0o111).String()
		if strings.HasSuffix(name, "-exec") {
			found[place] = info.Mode().String()
		}
		if !strings.HasSuffix(name, ".json") {
			return nil
		}
		text, err := os.ReadFile(name)
		g.Expect(err).NotTo(HaveOccurred())
		var list map[string]any
		g.Expect(json.Unmarshal(text, &list)).To(Succeed())
		if major == "8" {
			// It has that in its lockfile, and knows packages' names.
			for _, field := range []string{"requiresBuild", "name", "version"} {
				delete(list, field)
			}
		}
		for _, file := range list["files"].(map[string]any) {
			delete(file.(map[string]any), "checkedAt")
		}
		sorted, err := json.Marshal(list)
		found[place] += " " + string(sorted)
		return err
	})).To(Succeed())
	maps.DeleteFunc(found, func(name string, _ string) bool { return strings.HasPrefix(name, "projects/") })
	return found
}

// differences names what two stores do not share.
func differences(theirs, ours map[string]string) (lines []string) {
	for name := range theirs {
		if theirs[name] != ours[name] {
			lines = append(lines, name+"\n  pnpm has   "+theirs[name]+"\n  Gantry has "+ours[name])
		}
	}
	for name := range ours {
		if _, both := theirs[name]; !both {
			lines = append(lines, name+"\n  Gantry alone has it")
		}
	}
	return lines
}
