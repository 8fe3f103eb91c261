package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/watch"
)

func TestSource(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
	}
	write(".gitignore", "dist/\n*.log\n")
	write("src/a.js", "")
	write("node_modules/x/a.js", "")
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := watch.Source(ctx, dir)
	g.Expect(err).NotTo(HaveOccurred())

	write("src/a.js", "1")
	write("b.js", "1")
	g.Eventually(changes).WithTimeout(5 * time.Second).Should(Receive(Equal([]string{"b.js", "src/a.js"})))
	write("dist/out.js", "1")
	write("npm.log", "1")
	write("node_modules/x/a.js", "2")
	write("src/.a.js.swp", "2")
	write(".git/index", "2")
	g.Consistently(changes).WithTimeout(500 * time.Millisecond).ShouldNot(Receive())
	write("new/deep/c.js", "1")
	g.Eventually(changes).WithTimeout(5 * time.Second).Should(Receive(ContainElement("new")))
	write("new/deep/c.js", "2")
	g.Eventually(changes).WithTimeout(5 * time.Second).Should(Receive(Equal([]string{"new/deep/c.js"})))
	// An editor writes another file, and gives it the name.
	write("src/.a.js.tmp", "3")
	g.Expect(os.Rename(filepath.Join(dir, "src/.a.js.tmp"), filepath.Join(dir, "src/a.js"))).To(Succeed())
	g.Eventually(changes).WithTimeout(5 * time.Second).Should(Receive(ContainElement("src/a.js")))
	cancel()
	g.Eventually(changes).Should(BeClosed())
}
