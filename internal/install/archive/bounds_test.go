package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
)

// zeros is an archive of one file of that many zeros.
func zeros(g *WithT, size int64) *bytes.Buffer {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	g.Expect(writer.WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: size})).To(Succeed())
	_, err := io.CopyN(writer, nothing{}, size)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(writer.Close()).To(Succeed())
	g.Expect(zipped.Close()).To(Succeed())
	return &out
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Some kilobytes must not fill a disk.
func TestBombsAreRefused(t *testing.T) {
	g := NewWithT(t)
	keepNone := archive.Options{Keep: func(string) bool { return false }}
	g.Expect(archive.Gunzip(zeros(g, 100<<20), t.TempDir(), keepNone)).To(Succeed())
	err := archive.Gunzip(zeros(g, 300<<20), t.TempDir(), keepNone)
	g.Expect(err).To(MatchError(HavePrefix("an archive unpacks to more than it may: 256 MB of it came out of 0 MB: over 200 times as much")))
	g.Expect(err).To(MatchError(HaveSuffix("[archive/too-large]")))
}

// failing is an archive whose reader finds out at its end that it was damaged, as one that verifies a checksum does.
type failing struct{ io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// An archive is read to its end: what comes behind its last entry tells whether it is the right one.
func TestTheEndIsRead(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	g.Expect(writer.WriteHeader(&tar.Header{Name: "a", Mode: 0o644})).To(Succeed())
	g.Expect(writer.Close()).To(Succeed())
	out.Write(make([]byte, 100_000))
	g.Expect(archive.Extract(bytes.NewReader(out.Bytes()), t.TempDir(), archive.Options{})).To(Succeed())
	g.Expect(archive.Extract(failing{bytes.NewReader(out.Bytes())}, t.TempDir(), archive.Options{})).To(MatchError("an archive cannot be read: unexpected EOF [archive/damaged]"))
}
