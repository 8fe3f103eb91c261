package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
)

// fixedTime differs from the time at which the test runs.
var fixedTime = time.Unix(1, 0)

func tarball(headers ...tar.Header) []byte {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, header := range headers {
		content := []byte("content of " + header.Name)
		if header.Typeflag == 0 {
			header.Typeflag, header.Size = tar.TypeReg, int64(len(content))
		}
		if header.Mode == 0 {
			header.Mode = 0o600
		}
		_ = writer.WriteHeader(&header)
		if header.Typeflag == tar.TypeReg {
			_, _ = writer.Write(content)
		}
	}
	_ = writer.Close()
	return out.Bytes()
}

func TestExtract(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	content := tarball(
		tar.Header{Name: "top/bin/node", Mode: 0o700},
		tar.Header{Name: "top/LICENSE", Mode: 0o666},
		tar.Header{Name: "top/lib/link", Typeflag: tar.TypeSymlink, Linkname: "../bin/node"},
		tar.Header{Name: "top/lib/hard", Typeflag: tar.TypeLink, Linkname: "top/LICENSE"},
		tar.Header{Name: "top/skipped"},
		tar.Header{Name: "top/LICENSE", Mode: 0o644},
	)
	err := archive.Extract(bytes.NewReader(content), dir, archive.Options{Strip: 1, Keep: func(name string) bool { return name != "skipped" }})
	g.Expect(err).NotTo(HaveOccurred())

	mode := func(name string) fs.FileMode {
		info, err := os.Stat(filepath.Join(dir, name))
		g.Expect(err).NotTo(HaveOccurred())
		return info.Mode().Perm()
	}
	g.Expect(mode("bin/node")).To(Equal(fs.FileMode(0o755)))
	g.Expect(mode("LICENSE")).To(Equal(fs.FileMode(0o644)))
	g.Expect(os.Readlink(filepath.Join(dir, "lib/link"))).To(Equal("../bin/node"))
	g.Expect(os.ReadFile(filepath.Join(dir, "lib/hard"))).To(Equal([]byte("content of top/LICENSE")))
	g.Expect(filepath.Join(dir, "skipped")).NotTo(BeAnExistingFile())
}

// No archive may write outside its folder, whichever way it tries.
func TestEscapesAreRefused(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"parent":        {{Name: "../evil"}},
		"inner parent":  {{Name: "a/../../evil"}},
		"absolute":      {{Name: "/evil"}},
		"absolute link": {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"parent link":   {{Name: "a/link", Typeflag: tar.TypeSymlink, Linkname: "../../etc"}},
		"hard link":     {{Name: "link", Typeflag: tar.TypeLink, Linkname: "../evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			outer := t.TempDir()
			dir := filepath.Join(outer, "a", "b")
			g.Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
			err := archive.Extract(bytes.NewReader(tarball(headers...)), dir, archive.Options{})
			g.Expect(err).To(MatchError(HavePrefix("an archive wants to write outside its folder: the entry ")))
			g.Expect(err).To(MatchError(HaveSuffix("points elsewhere [archive/escape]")))
			g.Expect(filepath.Glob(filepath.Join(outer, "*"))).To(HaveLen(1))
		})
	}
	// A link to elsewhere that is allowed (in a root file system) must not be written through.
	g := NewWithT(t)
	elsewhere, dir := t.TempDir(), t.TempDir()
	content := tarball(tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: elsewhere}, tar.Header{Name: "link/evil"})
	g.Expect(archive.Extract(bytes.NewReader(content), dir, archive.Options{RootFS: true})).NotTo(Succeed())
	g.Expect(os.ReadDir(elsewhere)).To(BeEmpty())
}

func TestDamagedArchives(t *testing.T) {
	g := NewWithT(t)
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write(tarball(tar.Header{Name: "package/file"}))
	_ = writer.Close()
	for _, content := range [][]byte{nil, []byte("not an archive"), zipped.Bytes()[:zipped.Len()/2]} {
		err := archive.Gunzip(bytes.NewReader(content), t.TempDir(), archive.Options{})
		g.Expect(err).To(MatchError(HavePrefix("an archive cannot be read: ")))
	}
	// In the cache, a file that was never written to its end may be anything, also empty.
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "cache.tar.zst")
	g.Expect(os.WriteFile(filepath.Join(dir, "name"), bytes.Repeat([]byte("content "), 1000), 0o644)).To(Succeed())
	g.Expect(archive.Zstd(file, dir, ".")).To(Succeed())
	whole, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	for _, size := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		g.Expect(archive.Unzstd(bytes.NewReader(whole[:size]), t.TempDir())).To(MatchError(HavePrefix("an archive cannot be read: ")), "%d bytes", size)
	}
	g.Expect(archive.Zstd(file, dir)).To(Succeed())
	g.Expect(archive.UnzstdFile(file, t.TempDir())).To(Succeed(), "an archive of no files is whole")
}

func TestZstdIsReproducibleAndComesBack(t *testing.T) {
	g := NewWithT(t)
	source, work := t.TempDir(), t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(source, "bin"), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(source, "bin/tool"), []byte("x"), 0o755)).To(Succeed())
	g.Expect(os.Symlink("bin/tool", filepath.Join(source, "link"))).To(Succeed())

	first, second := filepath.Join(work, "1"), filepath.Join(work, "2")
	g.Expect(archive.Zstd(first, source, ".")).To(Succeed())
	g.Expect(os.Chtimes(filepath.Join(source, "bin/tool"), fixedTime, fixedTime)).To(Succeed())
	g.Expect(archive.Zstd(second, source, ".")).To(Succeed())
	one, err := os.ReadFile(first)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.ReadFile(second)).To(Equal(one))

	target := t.TempDir()
	g.Expect(archive.Unzstd(bytes.NewReader(one), target)).To(Succeed())
	g.Expect(os.ReadFile(filepath.Join(target, "link"))).To(Equal([]byte("x")))
}

// Of a link to a folder, only the link is removed.
func TestRemoveAllLeavesWhatLinksLeadTo(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(dir, "kept"), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "kept", "file"), nil, 0o644)).To(Succeed())
	g.Expect(os.Symlink("kept", filepath.Join(dir, "link"))).To(Succeed())
	g.Expect(archive.RemoveAll(filepath.Join(dir, "link"))).To(Succeed())
	g.Expect(filepath.Join(dir, "link")).NotTo(BeAnExistingFile())
	g.Expect(filepath.Join(dir, "kept", "file")).To(BeAnExistingFile())
	g.Expect(archive.RemoveAll(dir)).To(Succeed())
	g.Expect(dir).NotTo(BeADirectory())
}

// What an image holds does not depend on the umask of the process that builds it.
func TestModesWithoutTheUmask(t *testing.T) {
	g := NewWithT(t)
	source, target := t.TempDir(), t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(source, "modules/a/lib"), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(source, "modules/a/lib/run"), nil, 0o755)).To(Succeed())
	file := filepath.Join(t.TempDir(), "kept.tar.zst")
	g.Expect(archive.Zstd(file, source, "modules")).To(Succeed())
	usual := syscall.Umask(0o077)
	defer syscall.Umask(usual)
	in, err := os.Open(file)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = in.Close() }()
	g.Expect(archive.Unzstd(in, target)).To(Succeed())
	g.Expect(archive.MkdirApart(filepath.Join(target, "modules/b"))).To(Succeed())
	for _, name := range []string{"modules", "modules/a", "modules/a/lib", "modules/a/lib/run", "modules/b"} {
		info, err := os.Stat(filepath.Join(target, name))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o755)), name)
	}
	left, err := filepath.Glob(filepath.Join(target, "modules/.new-*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())
}
