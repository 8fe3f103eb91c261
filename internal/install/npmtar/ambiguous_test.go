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

// What npm's own reader would read differently is refused, with what it is.
func TestAmbiguousPackages(t *testing.T) {
	for name, c := range map[string]struct {
		header tar.Header
		want   string
	}{
		"usual":     {header: tar.Header{Name: "package/é.js"}},
		"long name": {header: tar.Header{Name: "package/" + string(bytes.Repeat([]byte("a/"), 100)) + "x", Format: tar.FormatPAX}},
		"sparse":    {header: tar.Header{Name: "package/a", PAXRecords: map[string]string{"GNU.sparse.major": "1"}}, want: `"package/a" is a sparse file, which node-tar does not know`},
		"latin-1":   {header: tar.Header{Name: "package/\xe9.js", Format: tar.FormatGNU}, want: `the name "package/\xe9.js" is no text in UTF-8`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			writer := tar.NewWriter(&out)
			c.header.Mode = 0o644
			if name == "sparse" {
				// The writer refuses what its reader knows, so that it is written as another record, and changed.
				c.header.PAXRecords = map[string]string{"XXX.sparse.major": "1"}
			}
			g.Expect(writer.WriteHeader(&c.header)).To(Succeed())
			g.Expect(writer.Close()).To(Succeed())
			text := bytes.ReplaceAll(out.Bytes(), []byte("XXX.sparse.major"), []byte("GNU.sparse.majxr"))
			err := npmtar.Unpack(bytes.NewReader(text), npmtar.NPM, t.TempDir())
			if c.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError("a package holds something that programs read differently: " + c.want + " [npm/package-ambiguous]"))
		})
	}
}

// npm before its version 5 wrote records of its own, and the size once more.
func TestPackagesOfOldPublishers(t *testing.T) {
	for name, c := range map[string]struct{ size, want string }{
		"the same size": {size: "5"},
		"another size":  {size: "4", want: "the size of an entry is said twice, and differs"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			writer := tar.NewWriter(&out)
			// The writer keeps the size to itself: the record is written under another name.
			records := map[string]string{"NODETAR.depth": "1", "NODETAR.package.name": "x", "SCHILY.ino": "7", "XIZE": c.size}
			g.Expect(writer.WriteHeader(&tar.Header{Name: "package/a.js", Mode: 0o644, Size: 5, PAXRecords: records, Format: tar.FormatPAX})).To(Succeed())
			_, err := writer.Write([]byte("12345"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(writer.Close()).To(Succeed())
			dir := t.TempDir()
			err = npmtar.Unpack(bytes.NewReader(bytes.ReplaceAll(out.Bytes(), []byte("XIZE="), []byte("size="))), npmtar.NPM, dir)
			if c.want != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.want)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(os.ReadFile(filepath.Join(dir, "a.js"))).To(Equal([]byte("12345")))
		})
	}
}
