package yarn_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch/prefetchtest"
	"github.com/gantry-buildpack/gantry/internal/install/yarn"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// The umask that builds have: the modes of files depend on it.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// program gets the newest Yarn that is pinned, of those in a package of the registry; file is what is run of it.
func program(t *testing.T, pkg, file string) string {
	return filepath.Join(prefetchtest.Program(t, func(r plan.Release) bool { return r.Name == "yarn" && r.Package == pkg }), file)
}

// The archives that Gantry makes for Yarn 4 are those that the lockfile knows, all of them; Yarn needs no network.
func TestYarn4Conforms(t *testing.T) {
	g := NewWithT(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not compared with Yarn, how its cache is filled: there is no node on PATH")
	}
	text, err := os.ReadFile("testdata/berry/yarn.lock")
	g.Expect(err).NotTo(HaveOccurred())
	list := yarn.Locators(text, "https://registry.npmjs.org", lockfile.Platform{OS: "linux", CPU: "x64", Libc: "glibc"})
	kept := t.TempDir()
	done, err := prefetch.Fill(t.Context(), prefetchtest.Packages(list), prefetch.Store{Kept: kept}, prefetchtest.Download)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done.Left).To(BeZero())
	g.Expect(done.Fetched).To(BeNumerically(">", 200))

	app := t.TempDir()
	g.Expect(os.CopyFS(app, os.DirFS("testdata/berry"))).To(Succeed())
	cmd := exec.Command(node, program(t, "@yarnpkg/cli-dist", "bin/yarn.js"), "install", "--immutable", "--mode=skip-build")
	cmd.Dir = app
	cmd.Env = append(os.Environ(), "HOME="+app, "YARN_ENABLE_NETWORK=0", "YARN_ENABLE_TELEMETRY=0", "YARN_GLOBAL_FOLDER="+kept)
	out, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), "%s", out)
	g.Expect(filepath.Join(app, "node_modules/express/package.json")).To(BeAnExistingFile())
}

// What Yarn installs from the cache that Gantry fills is what it installs from its own, to the modes of files.
func TestYarnConforms(t *testing.T) {
	g := NewWithT(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not compared with Yarn, how its cache is filled: there is no node on PATH")
	}
	script := program(t, "yarn", "bin/yarn.js")
	mirror := t.TempDir()
	install := func(app, mirror, cache string, more ...string) (string, error) {
		cmd := exec.Command(node, append([]string{script, "install", "--frozen-lockfile", "--ignore-scripts", "--non-interactive"}, more...)...)
		cmd.Dir = app
		cmd.Env = append(os.Environ(), "HOME="+app, "YARN_CACHE_FOLDER="+cache, "YARN_YARN_OFFLINE_MIRROR="+mirror)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	theirs, ours := t.TempDir(), t.TempDir()
	for _, app := range []string{theirs, ours} {
		g.Expect(os.CopyFS(app, os.DirFS("testdata/app"))).To(Succeed())
	}
	out, err := install(theirs, mirror, t.TempDir())
	g.Expect(err).NotTo(HaveOccurred(), "%s", out)

	text, err := os.ReadFile("testdata/app/yarn.lock")
	g.Expect(err).NotTo(HaveOccurred())
	list, others := yarn.Archives(text)
	g.Expect(others).To(BeTrue(), "there is an alias")
	cache, filled := t.TempDir(), t.TempDir()
	done, err := prefetch.Fill(t.Context(), prefetchtest.Packages(list), prefetch.Store{Kept: filled, Scratch: cache}, prefetchtest.Download)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done.Left).To(BeZero())
	g.Expect(done.Fetched).To(Equal(len(list)))

	// Without a network, what is not in the cache cannot come from anywhere but the mirror, where the alias alone is.
	alone := t.TempDir()
	alias, err := os.ReadFile(filepath.Join(mirror, "left-pad-1.3.0.tgz"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(alone, "left-pad-1.3.0.tgz"), alias, 0o644)).To(Succeed())
	out, err = install(ours, alone, cache, "--offline")
	g.Expect(err).NotTo(HaveOccurred(), "%s", out)

	different, _ := exec.Command("diff", "-r", "--no-dereference", theirs, ours).CombinedOutput()
	g.Expect(string(different)).To(BeEmpty())
	listing := func(dir string) string {
		out, err := exec.Command("sh", "-c", `cd "$1" && find . -printf '%p %m %l\n' | sort`, "sh", dir).Output()
		g.Expect(err).NotTo(HaveOccurred())
		return string(out)
	}
	g.Expect(listing(ours)).To(Equal(listing(theirs)))
	// The mirror is the one that Yarn would have made.
	g.Expect(os.WriteFile(filepath.Join(filled, "left-pad-1.3.0.tgz"), alias, 0o644)).To(Succeed())
	different, _ = exec.Command("diff", "-r", mirror, filled).CombinedOutput()
	g.Expect(string(different)).To(BeEmpty())
}
