package verified

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

// put writes a blob into a layout, under the digest that it has.
func put(g *WithT, layout, content string) string {
	sum := sha256.Sum256([]byte(content))
	file := filepath.Join(layout, "blobs/sha256", hex.EncodeToString(sum[:]))
	g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	return file
}

// What is not what its name says is removed, and nothing else is; an unchanged file is not read again.
func TestHeal(t *testing.T) {
	g := NewWithT(t)
	layout := t.TempDir()
	whole, damaged := put(g, layout, "whole"), put(g, layout, "damaged")
	g.Expect(Blobs(layout).Heal()).To(BeZero())
	g.Expect(os.WriteFile(damaged, []byte("other"), 0o644)).To(Succeed())
	leftover := filepath.Join(layout, "blobs/sha256/upload-123")
	g.Expect(os.WriteFile(leftover, nil, 0o644)).To(Succeed())
	g.Expect(Blobs(layout).Heal()).To(Equal(1))
	g.Expect(damaged).NotTo(BeAnExistingFile())
	g.Expect(leftover).NotTo(BeAnExistingFile())
	g.Expect(whole).To(BeAnExistingFile())
	g.Expect(Blobs(layout).Heal()).To(BeZero())
}

// What was noted of files counts as long as the machine runs: after a power cut, a file may lack what was written last.
func TestHealAfterAPowerCut(t *testing.T) {
	for name, c := range map[string]struct {
		boot    string
		damaged int
	}{"the machine has run on": {boot: bootID()}, "the machine has started again": {boot: "another", damaged: 1}} {
		t.Run(name, func(t *testing.T) {
			g, layout := NewWithT(t), t.TempDir()
			file := put(g, layout, "whole")
			g.Expect(os.WriteFile(file, make([]byte, 5), 0o644)).To(Succeed())
			info, err := os.Stat(file)
			g.Expect(err).NotTo(HaveOccurred())
			text, err := json.Marshal(record{c.boot, map[string]fileState{filepath.Base(file): stateOf(info)}})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(os.WriteFile(filepath.Join(layout, "verified.json"), text, 0o644)).To(Succeed())
			g.Expect(Blobs(layout).Heal()).To(Equal(c.damaged))
		})
	}
}

// Builds of several applications look at one run image.
func TestHealTogether(t *testing.T) {
	g := NewWithT(t)
	layout := t.TempDir()
	for _, content := range []string{"a", "b", "c"} {
		put(g, layout, content)
	}
	var group sync.WaitGroup
	errs := make(chan error, 400)
	for range 8 {
		group.Go(func() {
			for range 50 {
				_ = os.Remove(filepath.Join(layout, "verified.json"))
				if n, err := Blobs(layout).Heal(); err != nil || n > 0 {
					errs <- err
				}
			}
		})
	}
	group.Wait()
	g.Expect(errs).To(BeEmpty())
	g.Expect(filepath.Glob(filepath.Join(layout, "verified-*"))).To(BeEmpty())
}
