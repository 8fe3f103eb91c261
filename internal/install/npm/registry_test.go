package npm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// file is an entry of a package's tarball.
type file struct {
	name, content string
	mode          int64
	kind          byte
}

// pack is a package of the test's registry: its package.json, and files next to it.
type pack struct {
	manifest string
	files    []file
	// sha1 gives it the checksum of old packages only.
	sha1 bool
	// behind stands in its tarball behind the compressed stream.
	behind []byte
}

// registry is an npm registry with a few packages: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md.
type registry struct {
	*httptest.Server
	packuments map[string]map[string]any
	tarballs   map[string][]byte
	// token is what it wants to see, when it wants any.
	token string
	// slow is a tarball's path that takes its time.
	slow string
}

func newRegistry(t *testing.T, packs []pack) *registry {
	r := &registry{packuments: map[string]map[string]any{}, tarballs: map[string][]byte{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	for _, p := range packs {
		r.add(t, p)
	}
	return r
}

func (r *registry) add(t *testing.T, p pack) {
	g := NewWithT(t)
	manifest := map[string]any{}
	g.Expect(json.Unmarshal([]byte(p.manifest), &manifest)).To(Succeed(), p.manifest)
	name, version := manifest["name"].(string), manifest["version"].(string)
	content := tarball(t, append([]file{{name: "package/package.json", content: p.manifest}}, p.files...))
	content = append(content, p.behind...)
	place := fmt.Sprintf("/%s/-/%s-%s.tgz", name, name[strings.LastIndexByte(name, '/')+1:], version)
	r.tarballs[place] = content
	sum1, sum512 := sha1.Sum(content), sha512.Sum512(content)
	dist := map[string]any{"tarball": r.URL + place, "shasum": hex.EncodeToString(sum1[:])}
	if !p.sha1 {
		dist["integrity"] = "sha512-" + base64.StdEncoding.EncodeToString(sum512[:])
	}
	manifest["dist"] = dist
	if scripts, ok := manifest["scripts"].(map[string]any); ok && (scripts["install"] != nil || scripts["postinstall"] != nil) {
		manifest["hasInstallScript"] = true
	}
	packument := r.packuments[name]
	if packument == nil {
		packument = map[string]any{"name": name, "dist-tags": map[string]any{}, "versions": map[string]any{}}
		r.packuments[name] = packument
	}
	packument["versions"].(map[string]any)[version] = manifest
	packument["dist-tags"].(map[string]any)["latest"] = version
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.slow != "" && strings.HasSuffix(request.URL.Path, r.slow) {
		time.Sleep(300 * time.Millisecond)
	}
	if r.token != "" && request.Header.Get("Authorization") != r.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if content, ok := r.tarballs[request.URL.Path]; ok {
		_, _ = w.Write(content)
		return
	}
	if packument, ok := r.packuments[strings.TrimPrefix(request.URL.Path, "/")]; ok {
		_ = json.NewEncoder(w).Encode(packument)
		return
	}
	name, version := path.Split(strings.TrimPrefix(request.URL.Path, "/"))
	if packument, ok := r.packuments[strings.TrimSuffix(name, "/")]; ok {
		if manifest, ok := packument["versions"].(map[string]any)[version]; ok {
			_ = json.NewEncoder(w).Encode(manifest)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

func tarball(t *testing.T, files []file) []byte {
	g := NewWithT(t)
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Typeflag: f.kind, Size: int64(len(f.content)), Format: tar.FormatPAX}
		if f.mode == 0 {
			header.Mode = 0o644
		}
		if f.kind == tar.TypeSymlink || f.kind == tar.TypeLink {
			header.Linkname, header.Size = f.content, 0
		}
		g.Expect(writer.WriteHeader(header)).To(Succeed())
		if header.Size > 0 {
			_, err := writer.Write([]byte(f.content))
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	g.Expect(writer.Close()).To(Succeed())
	g.Expect(zipped.Close()).To(Succeed())
	return out.Bytes()
}
