package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/gzip"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
)

// now is when the tests' archive is looked at.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// served is an archive with one suite, as Debian's are, and what its mirror does wrong.
type served struct {
	// paragraphs are those of the list of packages; files are what else lies on the mirror, by path.
	paragraphs []string
	files      map[string][]byte
	key        *openpgp.Entity
	validUntil time.Time
	codename   string
	// noByHash: the mirror lacks files by their digests. otherList is the list that it has in the place of the one signed.
	noByHash  bool
	otherList []byte
	// down: it answers nothing.
	down bool
}

// newKey makes a key that is valid for a time, from a month before now.
func newKey(t *testing.T, lifetime time.Duration) *openpgp.Entity {
	config := &packet.Config{Time: func() time.Time { return now.AddDate(0, -1, 0) }, KeyLifetimeSecs: uint32(lifetime.Seconds()), Algorithm: packet.PubKeyAlgoEdDSA}
	key, err := openpgp.NewEntity("Archive", "", "archive@example.com", config)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return key
}

// add puts a package on the mirror.
func (s *served) add(fields string, archive []byte) {
	if s.files == nil {
		s.files = map[string][]byte{}
	}
	name := strings.TrimPrefix(strings.SplitN(fields, "\n", 2)[0], "Package: ")
	file := "pool/" + name + ".deb"
	s.files["/"+file] = archive
	s.paragraphs = append(s.paragraphs, fmt.Sprintf("%s\nArchitecture: amd64\nFilename: %s\nSize: %d\nSHA256: %s\n", fields, file, len(archive), digest(archive)))
}

// start serves the archive and gives the distribution of which it is.
func (s *served) start(t *testing.T) Distribution {
	g := NewWithT(t)
	var list bytes.Buffer
	zipped := gzip.NewWriter(&list)
	_, err := zipped.Write([]byte(strings.Join(s.paragraphs, "\n")))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(zipped.Close()).To(Succeed())
	release := "Origin: Test\nCodename: " + s.codename + "\nDate: " + now.AddDate(0, 0, -1).Format(time.RFC1123) + "\n"
	if !s.validUntil.IsZero() {
		release += "Valid-Until: " + s.validUntil.Format(time.RFC1123) + "\n"
	}
	release += fmt.Sprintf("SHA256:\n %s %d main/binary-amd64/Packages.gz\n", digest(list.Bytes()), list.Len())
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, s.key.PrivateKey, &packet.Config{Time: func() time.Time { return now.AddDate(0, 0, -1) }})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = w.Write([]byte(release))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Close()).To(Succeed())
	served := list.Bytes()
	if s.otherList != nil {
		served = s.otherList
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, there := s.files[r.URL.Path]
		switch {
		case s.down:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case strings.HasSuffix(r.URL.Path, "/InRelease"):
			content, there = signed.Bytes(), true
		case strings.HasSuffix(r.URL.Path, "/Packages.gz") || strings.Contains(r.URL.Path, "/by-hash/") && !s.noByHash:
			content, there = served, true
		}
		if !there {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	return Distribution{ID: "debian", VersionID: "12", Codename: "bookworm", Arch: "amd64", archives: []archive{{url: server.URL, suite: "bookworm", component: "main"}}}
}

// client downloads without waiting between tries.
func client() *fetch.Client {
	c := fetch.NewClient("test")
	c.Pause = time.Millisecond
	return c
}

// read reads the archive's index, of which one key is known.
func (s *served) read(d Distribution, key *openpgp.Entity, dir string) (*Index, error) {
	return readIndex(context.Background(), d, client(), dir, now, func(archive) (openpgp.EntityList, error) { return openpgp.EntityList{key}, nil })
}

// newArchive gives an archive in which nothing is wrong.
func newArchive(t *testing.T) *served { return &served{key: newKey(t, 0), codename: "bookworm"} }

// debOf makes a package's archive: deb(5).
func debOf(t *testing.T, postinst string, files ...*tar.Header) []byte {
	g := NewWithT(t)
	packed := func(list ...*tar.Header) []byte {
		var out bytes.Buffer
		zipped := gzip.NewWriter(&out)
		w := tar.NewWriter(zipped)
		for _, h := range list {
			content := h.PAXRecords["content"]
			h.PAXRecords, h.Size, h.ModTime = nil, int64(len(content)), time.Unix(1700000000, 0)
			if h.Mode == 0 {
				h.Mode = 0o644
			}
			g.Expect(w.WriteHeader(h)).To(Succeed())
			_, err := w.Write([]byte(content))
			g.Expect(err).NotTo(HaveOccurred())
		}
		g.Expect(w.Close()).To(Succeed())
		g.Expect(zipped.Close()).To(Succeed())
		return out.Bytes()
	}
	control := []*tar.Header{fileOf("./control", "Package: x\n")}
	if postinst != "" {
		control = append(control, fileOf("./postinst", postinst))
	}
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", packed(control...)}, {"data.tar.gz", packed(files...)}} {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", member.name, 0, 0, 0, "100644", len(member.content))
		out.Write(member.content)
		if len(member.content)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func fileOf(name, content string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, PAXRecords: map[string]string{"content": content}}
}
