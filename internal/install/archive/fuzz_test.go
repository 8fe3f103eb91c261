package archive_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
)

// Whatever an archive holds, nothing is written next to its folder.
func FuzzExtract(f *testing.F) {
	for _, headers := range [][]tar.Header{
		{{Name: "a/b", Mode: 0o755, Size: 1}}, {{Name: "../a"}}, {{Name: "a", Typeflag: tar.TypeSymlink, Linkname: ".."}, {Name: "a/b"}},
		{{Name: "a", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}}, {{Name: "a", Typeflag: tar.TypeFifo}},
	} {
		var out bytes.Buffer
		writer := tar.NewWriter(&out)
		for _, header := range headers {
			NewWithT(f).Expect(writer.WriteHeader(&header)).To(Succeed())
			_, _ = writer.Write(make([]byte, header.Size))
		}
		NewWithT(f).Expect(writer.Close()).To(Succeed())
		f.Add(out.Bytes(), true)
		f.Add(out.Bytes(), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, rootFS bool) {
		if len(text) > 1<<16 {
			return
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = archive.Extract(bytes.NewReader(text), dir, archive.Options{RootFS: rootFS, Times: true})
		entries, err := os.ReadDir(parent)
		if err != nil || len(entries) != 1 {
			t.Fatal(entries, err)
		}
	})
}
