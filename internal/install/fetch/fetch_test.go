package fetch_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const content = "the file's content"

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sha512Of(text string) string {
	sum := sha512.Sum512([]byte(text))
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func client() *fetch.Client {
	c := fetch.NewClient("test/1")
	c.Pause = time.Millisecond
	return c
}

func TestSaveVerifiesBothKindsOfChecksum(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, content) }))
	defer server.Close()
	for _, sum := range []string{sha256Of(content), sha512Of(content)} {
		g := NewWithT(t)
		destination := filepath.Join(t.TempDir(), "f")
		size, source, err := client().Save(context.Background(), fetch.File{URL: server.URL + "/a.tgz", Checksum: sum}, destination)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(size).To(Equal(int64(len(content))))
		g.Expect(source).To(Equal(server.URL + "/a.tgz"))
		g.Expect(os.ReadFile(destination)).To(Equal([]byte(content)))
	}
}

// Every fault ends in its own words, and leaves nothing under the file's name.
func TestFaultsWordForWord(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		tries int32
		want  string
	}{
		"other bytes": {
			serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "evil") },
			tries: 1,
			want: "a download is not the file that was expected: URL has the checksum " + strings.TrimPrefix(sha256Of("evil"), "sha256:") +
				"; expected is " + strings.TrimPrefix(sha256Of(content), "sha256:") + " [fetch/checksum]",
		},
		"401": {
			serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
			tries: 1,
			want:  "HOST refuses access: it answered 401 Unauthorized for URL [fetch/refused]",
		},
		"404": {
			serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
			tries: 1,
			want:  "a file is not where it should be: it answered 404 Not Found, for URL [fetch/not-found]",
		},
		"503": {
			serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
			tries: 4,
			want:  "HOST has trouble: it answered 503 Service Unavailable for URL [fetch/server-error]",
		},
		"broken off": {
			serve: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "18")
				_, _ = fmt.Fprint(w, content[:5])
			},
			tries: 4,
			want:  "the connection to HOST broke off: 5 of 18 bytes of URL had arrived [fetch/broken-off]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				c.serve(w, r)
			}))
			defer server.Close()
			dir := t.TempDir()
			_, _, err := client().Save(context.Background(), fetch.File{URL: server.URL + "/a.tgz", Checksum: sha256Of(content)}, filepath.Join(dir, "f"))
			want := strings.NewReplacer("URL", server.URL+"/a.tgz", "HOST", strings.TrimPrefix(server.URL, "http://")).Replace(c.want)
			g.Expect(err).To(MatchError(want))
			g.Expect(asked.Load()).To(Equal(c.tries))
			g.Expect(os.ReadDir(dir)).To(BeEmpty())
		})
	}
}

func TestPassingFaultsAreRetried(t *testing.T) {
	g := NewWithT(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(502)
		case 2:
			w.Header().Set("Content-Length", "18")
			_, _ = fmt.Fprint(w, content[:7])
		default:
			_, _ = fmt.Fprint(w, content)
		}
	}))
	defer server.Close()
	destination := filepath.Join(t.TempDir(), "f")
	_, _, err := client().Save(context.Background(), fetch.File{URL: server.URL, Checksum: sha256Of(content)}, destination)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.ReadFile(destination)).To(Equal([]byte(content)))
}

func TestAServerThatSendsNothingIsGivenUp(t *testing.T) {
	g := NewWithT(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "18")
		_, _ = fmt.Fprint(w, content[:5])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	c := client()
	c.Idle, c.Tries = 50*time.Millisecond, 2
	_, _, err := c.Save(context.Background(), fetch.File{URL: server.URL, Checksum: sha256Of(content)}, filepath.Join(t.TempDir(), "f"))
	g.Expect(err).To(MatchError(strings.TrimPrefix(server.URL, "http://") + " sends too slowly: less than 16 KB arrived in 50ms, after 5 of 18 bytes of " + server.URL + " [fetch/broken-off]"))
}

func TestUnreachable(t *testing.T) {
	g := NewWithT(t)
	server := httptest.NewServer(nil)
	server.Close()
	_, _, err := client().Save(context.Background(), fetch.File{URL: "http://user:secret@" + strings.TrimPrefix(server.URL, "http://"), Checksum: sha256Of(content)}, filepath.Join(t.TempDir(), "f"))
	g.Expect(problem.As(err).ID).To(Equal("fetch/unreachable"))
	g.Expect(err.Error()).NotTo(ContainSubstring("secret"))
}

func TestMirrors(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		_, _ = fmt.Fprint(w, content)
	}))
	defer server.Close()
	file := fetch.File{URL: "https://my-host.example/dist/a.tgz", Checksum: sha256Of(content)}
	for name, c := range map[string]struct {
		environ  []string
		bindings []fetch.Binding
		want     string
	}{
		"all hosts":     {environ: []string{"BP_DEPENDENCY_MIRROR=" + server.URL + "/m"}, want: "/m/dist/a.tgz"},
		"one host":      {environ: []string{"BP_DEPENDENCY_MIRROR=http://127.0.0.1:1", "BP_DEPENDENCY_MIRROR_MY__HOST_EXAMPLE=" + server.URL}, want: "/dist/a.tgz"},
		"original host": {environ: []string{"BP_DEPENDENCY_MIRROR=" + server.URL + "/{originalHost}"}, want: "/my-host.example/dist/a.tgz"},
		"skip path":     {environ: []string{"BP_DEPENDENCY_MIRROR=mirror=" + server.URL + ",skip-path=/dist"}, want: "/a.tgz"},
		"binding":       {bindings: []fetch.Binding{{Name: "b", Type: "dependency-mirror", Secret: map[string]string{"my-host.example": server.URL + "/b"}}}, want: "/b/dist/a.tgz"},
		"mapping": {bindings: []fetch.Binding{{Name: "b", Type: "dependency-mapping",
			Secret: map[string]string{strings.TrimPrefix(sha256Of(content), "sha256:"): server.URL + "/mapped"}}}, want: "/mapped"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			mirrors, err := fetch.ReadMirrors(c.environ, c.bindings)
			g.Expect(err).NotTo(HaveOccurred())
			client := client()
			client.Mirrors = mirrors
			_, _, err = client.Save(context.Background(), file, filepath.Join(t.TempDir(), "f"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(asked).To(Equal(c.want))
		})
	}
	_, err := fetch.ReadMirrors([]string{"BP_DEPENDENCY_MIRROR=mirror.example"}, nil)
	NewWithT(t).Expect(err).To(MatchError("BP_DEPENDENCY_MIRROR: a dependency mirror is not understood: it is not an http://, https:// or file:/// address [fetch/bad-mirror]"))
	mirror := func(name, host string) fetch.Binding {
		return fetch.Binding{Name: name, Type: "dependency-mirror", Secret: map[string]string{host: "https://mirror.example"}}
	}
	_, err = fetch.ReadMirrors(nil, []fetch.Binding{mirror("one", "nodejs.org"), mirror("two", "NodeJS.org")})
	NewWithT(t).Expect(err).To(MatchError("the binding two: two service bindings say where one thing comes from: the binding one of type dependency-mirror has the key NodeJS.org as well [fetch/two-mirrors]"))
}

func TestOfflinePackage(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	digits := strings.TrimPrefix(sha256Of(content), "sha256:")
	g.Expect(os.MkdirAll(filepath.Join(dir, digits), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, digits, "a.tgz"), []byte(content), 0o644)).To(Succeed())
	c := client()
	c.Offline = dir
	_, _, err := c.Save(context.Background(), fetch.File{URL: "http://127.0.0.1:1/x/a.tgz", Checksum: sha256Of(content)}, filepath.Join(dir, "f"))
	g.Expect(err).NotTo(HaveOccurred())
}

// With HTTP/2, many downloads at once need one connection; a server that cannot be reached is tried for each of them.
func TestOneConnectionCarriesAll(t *testing.T) {
	g := NewWithT(t)
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, content) }))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := client()
	c.Trust(roots)
	all := func(c *fetch.Client) error {
		dir, group := t.TempDir(), errgroup.Group{}
		for i := range 40 {
			group.Go(func() error {
				_, _, err := c.Save(context.Background(), fetch.File{URL: server.URL + "/a.tgz", Checksum: sha256Of(content)}, filepath.Join(dir, fmt.Sprint(i)))
				return err
			})
		}
		return group.Wait()
	}
	g.Expect(all(c)).To(Succeed())
	g.Expect(connections.Load()).To(Equal(int32(1)))
	server.Close()
	g.Expect(all(client())).NotTo(Succeed())
}
