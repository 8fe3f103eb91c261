package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

// What a tree is in an image does not depend on the umask of the moment in which a package manager made a file.
func TestTreesInLayers(t *testing.T) {
	g := NewWithT(t)
	app, layer := t.TempDir(), t.TempDir()
	files := map[string]fs.FileMode{"tree/open": 0o666, "tree/group": 0o664, "tree/usual": 0o644, "tree/own": 0o600, "tree/program": 0o777, "tree/in/script": 0o700}
	g.Expect(os.MkdirAll(filepath.Join(app, "tree", "in"), 0o755)).To(Succeed())
	for name, mode := range files {
		g.Expect(os.WriteFile(filepath.Join(app, name), nil, 0o600)).To(Succeed())
		g.Expect(os.Chmod(filepath.Join(app, name), mode)).To(Succeed())
	}
	g.Expect(os.Chmod(filepath.Join(app, "tree", "in"), 0o777)).To(Succeed())
	for name, target := range map[string]string{"tree/inside": "in/script", "tree/outside": "../packages/own"} {
		g.Expect(os.Symlink(target, filepath.Join(app, name))).To(Succeed())
	}

	links, err := trees{app: app, dirs: []string{"tree", "none"}}.moveTo(layer)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(links).To(Equal([]string{"tree"}))
	for name, want := range map[string]fs.FileMode{
		"tree/open": 0o644, "tree/group": 0o644, "tree/usual": 0o644, "tree/own": 0o644, "tree/program": 0o755, "tree/in/script": 0o744, "tree/in": 0o755,
	} {
		info, err := os.Stat(filepath.Join(layer, name))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(info.Mode().Perm()).To(Equal(want), name)
	}
	g.Expect(os.Readlink(filepath.Join(layer, "tree/inside"))).To(Equal("in/script"))
	g.Expect(os.Readlink(filepath.Join(layer, "tree/outside"))).To(Equal(filepath.Join(app, "packages/own")))
}
