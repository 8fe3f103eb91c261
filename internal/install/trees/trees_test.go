package trees

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan"
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

	links, err := Trees{App: app, Dirs: []string{"tree", "none"}}.MoveTo(layer)
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

// Of files that two places have, one is a link; of what was compiled for several versions of a language, one stays.
func TestFilesThatTreesHaveTwice(t *testing.T) {
	g := NewWithT(t)
	app, layer := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		"tree/extensions/both-1.0/sub/both.so": "both", "tree/gems/both-1.0/lib/sub/both.so": "both", "tree/extensions/one-1.0/one.so": "one", "tree/gems/one-1.0/lib/one.rb": "",
		"tree/extensions/other-1.0/other.so": "other", "tree/gems/other-1.0/lib/other.so": "changed", "tree/extensions/gone-1.0/gone.so": "gone",
		"tree/gems/fat-1.0-linux/lib/fat/3.2/fat.so": "", "tree/gems/fat-1.0-linux/lib/fat/3.3/fat.so": "", "tree/gems/fat-1.0-linux/lib/fat/3.4/fat.so": "",
		"tree/gems/fat-1.0-linux/lib/fat/3.x/fat.rb": "", "tree/gems/old-1.0-linux/lib/2.7/old.so": "", "tree/gems/plain-1.0/lib/3.3/plain.rb": "", "tree/gems/plain-1.0/lib/3.2/plain.rb": "",
	} {
		file := filepath.Join(app, name)
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	}
	all := Trees{App: app, Dirs: []string{"tree"}, Variants: []plan.Variant{{Keep: "gems/*-linux/**/3.3", Others: "[2-9].[0-9]"}}}
	g.Expect(all.Fix(plan.Fixes{Duplicates: []plan.DuplicateFile{{Match: `extensions/([^/]+)/(.+\.so)`, Into: "gems/$1/lib", Name: "$2"}}})).To(Succeed())
	_, err := all.MoveTo(layer)
	g.Expect(err).NotTo(HaveOccurred())

	for name, target := range map[string]string{
		"both-1.0/lib/sub/both.so": "../../../../extensions/both-1.0/sub/both.so", "one-1.0/lib/one.so": "../../../extensions/one-1.0/one.so",
	} {
		g.Expect(os.Readlink(filepath.Join(layer, "tree/gems", name))).To(Equal(target))
	}
	g.Expect(os.ReadFile(filepath.Join(layer, "tree/gems/both-1.0/lib/sub/both.so"))).To(BeEquivalentTo("both"))
	g.Expect(os.ReadFile(filepath.Join(layer, "tree/gems/other-1.0/lib/other.so"))).To(BeEquivalentTo("changed"))
	g.Expect(filepath.Join(layer, "tree/gems/gone-1.0")).NotTo(BeAnExistingFile())
	left := func(dir string) (names []string) {
		entries, err := os.ReadDir(filepath.Join(layer, "tree/gems", dir))
		g.Expect(err).NotTo(HaveOccurred())
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	g.Expect(left("fat-1.0-linux/lib/fat")).To(Equal([]string{"3.3", "3.x"}))
	g.Expect(left("old-1.0-linux/lib")).To(Equal([]string{"2.7"}), "nothing was chosen there")
	g.Expect(left("plain-1.0/lib")).To(Equal([]string{"3.2", "3.3"}), "no folder of what was compiled")
}
