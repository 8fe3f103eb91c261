package npmtar_test

import (
	"archive/tar"
	"bytes"
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
