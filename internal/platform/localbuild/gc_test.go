package localbuild

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/verified"
)

func TestGC(t *testing.T) {
	g, home := NewWithT(t), t.TempDir()
	now := time.Now()
	touch := func(name string, age time.Duration) string {
		file := filepath.Join(home, name)
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(file, make([]byte, 1000), 0o644)).To(Succeed())
		for dir := file; dir != home; dir = filepath.Dir(dir) {
			g.Expect(os.Chtimes(dir, now.Add(-age), now.Add(-age))).To(Succeed())
		}
		return file
	}
	const day = 24 * time.Hour
	old := touch("apps/old-1/image/index.json", 40*day)
	used := touch("apps/used-1/image/index.json", 3*day)
	left := touch("apps/used-1/work-7/layers/x", 3*day)
	root := touch("run/root-abc/bin/sh", 3*day)
	killed := touch("run/run-12/root/x", 3*day)
	running := touch("run/run-13/root/x", 3*day)
	held, err := os.Create(filepath.Join(home, "run/run-13/lock"))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = held.Close() }()
	g.Expect(syscall.Flock(int(held.Fd()), syscall.LOCK_EX)).To(Succeed())
	touch("run/run-14/root/x", 3*day)
	touch("run/run-14/lock", time.Second)
	locked := touch("apps/busy-1/image/index.json", 40*day)
	unlock, free, err := tryLock(filepath.Join(home, "apps/busy-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(free).To(BeTrue())
	defer unlock()
	whole := put(g, filepath.Join(home, "run-images/debian"), "whole")
	damaged := put(g, filepath.Join(home, "apps/used-1/image"), "damaged")
	_, err = verified.Blobs(filepath.Join(home, "apps/used-1/image")).Heal()
	g.Expect(err).NotTo(HaveOccurred())
	// The clock of a file system can hide a change; --verify reads the file nevertheless.
	info, err := os.Stat(damaged)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(damaged, []byte("DAMAGED"), 0o644)).To(Succeed())
	g.Expect(os.Chtimes(damaged, info.ModTime(), info.ModTime())).To(Succeed())

	var out bytes.Buffer
	c := Collect{Home: home, Unused: 30 * day}
	g.Expect(GC(c, buildlog.New(&out, false), now)).To(Succeed())
	for _, file := range []string{old, left, killed} {
		g.Expect(file).NotTo(BeAnExistingFile())
	}
	for _, file := range []string{used, root, running, locked, whole, damaged} {
		g.Expect(file).To(BeAnExistingFile())
	}
	g.Expect(out.String()).To(Equal("  Removed     4 folders, 5 kB\n"))

	out.Reset()
	c.Verify = true
	g.Expect(GC(c, buildlog.New(&out, false), now)).To(Succeed())
	g.Expect(damaged).NotTo(BeAnExistingFile())
	g.Expect(root).NotTo(BeAnExistingFile())
	g.Expect(whole).To(BeAnExistingFile())
	g.Expect(out.String()).To(ContainSubstring("Verified    1 file damaged, which the next build makes again\n"))
}

// put writes a blob into a layout, under the digest that it has.
func put(g *WithT, layout, content string) string {
	sum := sha256.Sum256([]byte(content))
	file := filepath.Join(layout, "blobs/sha256", hex.EncodeToString(sum[:]))
	g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	return file
}
