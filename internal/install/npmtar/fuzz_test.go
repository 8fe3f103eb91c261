package npmtar_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/npmtar"
)

// Whatever a package holds, nothing is written next to its folder, and there are only files and folders in it.
func FuzzUnpack(f *testing.F) {
	for _, name := range []string{"package/a.js", "package/../../a", "package/.gitignore", "package", "package/a/", "\\..\\a"} {
		var out bytes.Buffer
		writer := tar.NewWriter(&out)
		NewWithT(f).Expect(writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644})).To(Succeed())
		NewWithT(f).Expect(writer.Close()).To(Succeed())
		f.Add(out.Bytes(), true)
		f.Add(out.Bytes(), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, yarn bool) {
		if len(text) > 1<<16 {
			return
		}
		rules := npmtar.NPM
		if yarn {
			rules = npmtar.Yarn1
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = npmtar.Unpack(bytes.NewReader(text), rules, dir)
		entries, err := os.ReadDir(parent)
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
		err = filepath.WalkDir(dir, func(file string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && !entry.Type().IsRegular() {
				t.Fatal(file, entry.Type())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
