// Package prefetchtest has what the tests of package managers' caches share.
package prefetchtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
)

// Program gets the newest package manager that is pinned, of those that are wanted, and gives its folder.
func Program(t *testing.T, wanted func(r plan.Release) bool) string {
	g := gomega.NewWithT(t)
	releases, err := inventory.For("amd64", "glibc", nil)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	release, dir := releases.Releases[slices.IndexFunc(releases.Releases, wanted)], t.TempDir()
	saved := filepath.Join(dir, "program.tgz")
	url := "https://registry.npmjs.org/" + release.Package + "/-/" + path.Base(release.Package) + "-" + release.Version + ".tgz"
	_, err = Download(t.Context(), url, release.Integrity, saved)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	in, err := os.Open(saved)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	g.Expect(archive.Gunzip(in, dir, archive.Options{Strip: 1})).To(gomega.Succeed())
	g.Expect(in.Close()).To(gomega.Succeed())
	return dir
}

var client = fetch.NewClient("gantry-test")

// Download is a prefetch.Download from the network.
func Download(ctx context.Context, url, checksum, path string) (int64, error) {
	size, _, err := client.Save(ctx, fetch.File{URL: url, Checksum: checksum}, path)
	return size, err
}

// Packages gives a list in the form that prefetch.Fill takes.
func Packages[P prefetch.Package](list []P) (all []prefetch.Package) {
	for _, p := range list {
		all = append(all, p)
	}
	return all
}

// Entry is one of an archive; Content is what a link leads to.
type Entry struct {
	Name, Content string
	Mode          int64
	Kind          byte
}

// Archive makes a package's archive.
func Archive(t *testing.T, entries ...Entry) []byte {
	g := gomega.NewWithT(t)
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.Name, Mode: e.Mode, Typeflag: e.Kind}
		switch e.Kind {
		case tar.TypeReg:
			header.Size = int64(len(e.Content))
		case tar.TypeXGlobalHeader:
			header = &tar.Header{Name: e.Name, Typeflag: e.Kind, PAXRecords: map[string]string{"comment": "0a"}}
		default:
			header.Linkname = e.Content
		}
		g.Expect(writer.WriteHeader(header)).To(gomega.Succeed())
		if header.Size > 0 {
			_, err := writer.Write([]byte(e.Content))
			g.Expect(err).NotTo(gomega.HaveOccurred())
		}
	}
	g.Expect(writer.Close()).To(gomega.Succeed())
	g.Expect(zipped.Close()).To(gomega.Succeed())
	return out.Bytes()
}
