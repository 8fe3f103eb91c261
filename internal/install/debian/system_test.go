package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// written gives the files of a system of one archive: modes, targets and contents by name.
func written(t *testing.T, archives ...[]byte) map[string]string {
	g := NewWithT(t)
	var files []string
	s := System{Distribution: Distribution{Arch: "amd64"}, Keep: func(string) bool { return true }, Users: []User{{Name: "cnb", ID: 1000, Home: "/home/cnb"}}}
	for i, content := range archives {
		name := filepath.Join(t.TempDir(), "x.deb")
		g.Expect(os.WriteFile(name, content, 0o644)).To(Succeed())
		files = append(files, name)
		s.Packages = append(s.Packages, Package{Name: string(rune('a' + i)), fields: paragraph("Package: " + string(rune('a'+i)) + "\nVersion: 1\nFilename: x\n")})
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		_, err := s.Write(context.Background(), files, out)
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(bytes.Equal(first.Bytes(), second.Bytes())).To(BeTrue(), "the same packages give the same bytes")
	list := map[string]string{}
	reader := tar.NewReader(&first)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return list
		}
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(list).NotTo(HaveKey(header.Name), "each name once")
		body, err := io.ReadAll(reader)
		g.Expect(err).NotTo(HaveOccurred())
		if header.Typeflag == tar.TypeSymlink {
			body = []byte("-> " + header.Linkname)
		}
		list[header.Name] = string(body)
	}
}

func TestWrite(t *testing.T) {
	g := NewWithT(t)
	files := written(t,
		debOf(t, "", &tar.Header{Typeflag: tar.TypeDir, Name: "./bin/", Mode: 0o755}, fileOf("./bin/sh", "shell"), fileOf("./etc/x", "of a")),
		debOf(t, "", fileOf("./usr/bin/sh", "another"), fileOf("./lib64/ld.so", "loader")),
	)
	g.Expect(files).To(HaveKeyWithValue("bin", "-> usr/bin"))
	g.Expect(files).To(HaveKeyWithValue("usr/bin/sh", "shell"))
	g.Expect(files).To(HaveKeyWithValue("usr/lib64/ld.so", "loader"))
	g.Expect(files).To(HaveKey("home/cnb/"))
	g.Expect(files["etc/passwd"]).To(ContainSubstring("cnb:*:1000:1000::/home/cnb:/usr/sbin/nologin\n"))
	g.Expect(files["etc/group"]).To(ContainSubstring("cnb:*:1000:\n"))
	g.Expect(files["var/lib/dpkg/status"]).To(Equal("Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\nVersion: 1\n\n"))
}

// What a script would give update-alternatives is understood, however the script comes to it; nothing of it is run.
func TestAlternatives(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, c := range map[string]struct {
		script string
		want   map[string]string
	}{
		"a line":       {"update-alternatives --install /usr/bin/x x /usr/bin/x-1 10", map[string]string{"usr/bin/x": "/usr/bin/x-1"}},
		"slaves":       {"update-alternatives --install /usr/bin/x x /usr/bin/x-1 10 \\\n --slave /usr/bin/y y /usr/bin/y-1", map[string]string{"usr/bin/x": "/usr/bin/x-1", "usr/bin/y": "/usr/bin/y-1"}},
		"a loop":       {"set -e\nfor i in x y; do update-alternatives --quiet --install /usr/bin/$i $i /usr/bin/$i-1 10; done", map[string]string{"usr/bin/x": "/usr/bin/x-1", "usr/bin/y": "/usr/bin/y-1"}},
		"a case":       {"case \"$1\" in configure) update-alternatives --install /usr/bin/x x /bin/../usr/bin/x-1 10;; esac", map[string]string{"usr/bin/x": "/usr/bin/x-1"}},
		"the best":     {"update-alternatives --install /usr/bin/x x /usr/bin/x-1 10; update-alternatives --install /usr/bin/x x /usr/bin/y-1 20", map[string]string{"usr/bin/x": "/usr/bin/y-1"}},
		"no such file": {"update-alternatives --install /usr/bin/x x /usr/bin/none 10", map[string]string{}},
		"a removal":    {"update-alternatives --remove x /usr/bin/x-1", map[string]string{}},
		"no shell":     {"#!/usr/bin/perl\nupdate-alternatives({", map[string]string{}},
		"effects": {"echo 1 > " + outside + "; touch " + outside + "; . /usr/share/debconf/confmodule; exec update-alternatives --install /usr/bin/x x /usr/bin/x-1 1",
			map[string]string{"usr/bin/x": "/usr/bin/x-1"}},
		"endless": {"while true; do :; done; update-alternatives --install /usr/bin/x x /usr/bin/x-1 1", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			there := func(name string) bool { return name == "usr/bin/x-1" || name == "usr/bin/y-1" }
			g.Expect(best(alternatives(context.Background(), c.script), there)).To(Equal(c.want))
			g.Expect(outside).NotTo(BeAnExistingFile())
		})
	}
}

// certificateOf makes a certificate with a subject.
func certificateOf(t *testing.T, subject []byte) []byte {
	g := NewWithT(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: subject, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	g.Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// The names by which OpenSSL finds certificates are those that OpenSSL gives.
func TestSubjectHash(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("not compared with OpenSSL, how certificates are found: there is no openssl on PATH")
	}
	named := func(tag int, text string) []byte {
		der, err := asn1.Marshal([]attributeSET{
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte("DE")}}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: tag, Bytes: []byte(text)}}},
		})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return der
	}
	simple, err := asn1.Marshal(pkix.Name{Country: []string{"US"}, Organization: []string{"Example  Trust "}, CommonName: "Root CA"}.ToRDNSequence())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, subject := range map[string][]byte{
		"plain":  simple,
		"utf8":   named(asn1.TagUTF8String, "Főtanúsítvány  CLASS Gold"),
		"spaces": named(asn1.TagPrintableString, "  A   B  "),
		"bmp":    named(asn1.TagBMPString, "\x00A\x00b\x01\x51"),
		"ia5":    named(asn1.TagIA5String, "Info@Example.COM"),
		"t61":    named(asn1.TagT61String, "Stra\xdfe"),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text := certificateOf(t, subject)
			command := exec.Command("openssl", "x509", "-noout", "-hash")
			command.Stdin = bytes.NewReader(text)
			want, err := command.Output()
			g.Expect(err).NotTo(HaveOccurred())
			got, ok := subjectHash(text)
			g.Expect(ok).To(BeTrue())
			g.Expect(got).To(Equal(strings.TrimSpace(string(want))))
		})
	}
}

func TestCertificates(t *testing.T) {
	g := NewWithT(t)
	subject, err := asn1.Marshal(pkix.Name{CommonName: "Root CA"}.ToRDNSequence())
	g.Expect(err).NotTo(HaveOccurred())
	one, two := string(certificateOf(t, subject)), string(certificateOf(t, subject))
	hash, _ := subjectHash([]byte(one))
	files := written(t, debOf(t, "", fileOf("./usr/share/ca-certificates/mozilla/A.crt", one), fileOf("./usr/share/ca-certificates/mozilla/B.crt", two)))
	g.Expect(files).To(HaveKeyWithValue("etc/ssl/certs/ca-certificates.crt", one+two))
	g.Expect(files).To(HaveKeyWithValue("etc/ssl/certs/A.pem", "-> /usr/share/ca-certificates/mozilla/A.crt"))
	g.Expect(files).To(HaveKeyWithValue("etc/ssl/certs/"+hash+".0", "-> A.pem"))
	g.Expect(files).To(HaveKeyWithValue("etc/ssl/certs/"+hash+".1", "-> B.pem"))
}

// ldconfig reads the loader's cache as its own, in its own order.
func TestLoaderCache(t *testing.T) {
	ldconfig, err := exec.LookPath("/sbin/ldconfig")
	if err != nil {
		t.Skip("not compared with ldconfig, how libraries are listed: there is no /sbin/ldconfig")
	}
	g := NewWithT(t)
	names := []string{"libz.so.1", "libstdc++.so.6", "libc.so.6", "libbz2.so.1.0", "libssl.so.3", "libssl.so.10", "libssl.so.9", "ld-linux-x86-64.so.2"}
	var libraries []library
	for _, name := range names {
		libraries = append(libraries, library{name: name, file: "/lib/x86_64-linux-gnu/" + name, own: name})
	}
	file := filepath.Join(t.TempDir(), "cache")
	g.Expect(os.WriteFile(file, cacheOf(libraries, "amd64"), 0o644)).To(Succeed())
	out, err := exec.Command(ldconfig, "-p", "-C", file).Output()
	g.Expect(err).NotTo(HaveOccurred())
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	g.Expect(lines[0]).To(HavePrefix("8 libs found"))
	var got []string
	for _, line := range lines[1:] {
		got = append(got, strings.Fields(line)[0])
		g.Expect(line).To(ContainSubstring("(libc6,x86-64)"))
	}
	g.Expect(got).To(Equal([]string{"libz.so.1", "libstdc++.so.6", "libssl.so.10", "libssl.so.9", "libssl.so.3", "libc.so.6", "libbz2.so.1.0", "ld-linux-x86-64.so.2"}))
}

func TestListed(t *testing.T) {
	g := NewWithT(t)
	list := listed([]library{
		{name: "libz.so.1.2", own: "libz.so.1"}, {name: "libz.so.1", target: "libz.so.1.2"}, {name: "libz.so", target: "libz.so.1.2"},
		{name: "libold.so.3", target: "libz.so.1.2"}, {name: "libgone.so.1", target: "nothing"},
	})
	names := map[string]bool{}
	for _, l := range list {
		names[l.name] = true
	}
	g.Expect(slices.Sorted(maps.Keys(names))).To(Equal([]string{"libz.so", "libz.so.1"}))
}
