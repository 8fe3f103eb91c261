package fetch_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// save downloads a file from an address.
func save(t *testing.T, c *fetch.Client, url, authorization string) (source string, err error) {
	_, source, err = c.Save(context.Background(), fetch.File{URL: url, Checksum: sha256Of(content), Authorization: authorization}, filepath.Join(t.TempDir(), "f"))
	return source, err
}

// Credentials are sent to the host that they are for, over TLS when they were; where a server leads elsewhere, the error says where.
func TestRedirects(t *testing.T) {
	seen := ""
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, content)
	}))
	t.Cleanup(plain.Close)
	var to string
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			seen = r.Header.Get("Authorization")
			_, _ = fmt.Fprint(w, content)
			return
		}
		http.Redirect(w, r, strings.ReplaceAll(to, "SELF", "https://"+r.Host), http.StatusFound)
	}))
	t.Cleanup(first.Close)
	other := httptest.NewTLSServer(plain.Config.Handler)
	t.Cleanup(other.Close)
	for name, c := range map[string]struct{ to, authorization, want, why, sent string }{
		"the same host":                 {to: "SELF/here", authorization: "Bearer canary", sent: "Bearer canary"},
		"another port":                  {to: other.URL + "/there", authorization: "Bearer canary"},
		"without TLS, no credentials":   {to: plain.URL + "/there"},
		"without TLS, with credentials": {to: plain.URL + "/there?token=canary", authorization: "Bearer canary", want: "fetch/redirect", why: "it redirected a request with credentials to a connection without encryption, from FIRST/file?… to " + plain.URL + "/there?…"},
		"in circles":                    {to: "SELF/file", want: "fetch/redirect", why: "it redirected 10 times, from FIRST/file to FIRST/file"},
		"to a file":                     {to: "file:///etc/passwd", want: "fetch/redirect", why: "it redirected to an address that is not on the web, from FIRST/file?… to file:///etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			to, seen = c.to, ""
			client := client()
			roots := x509.NewCertPool()
			roots.AddCert(first.Certificate())
			client.Trust(roots)
			_, err := save(t, client, first.URL+"/file?signature=canary", c.authorization)
			g.Expect(seen).To(Equal(c.sent))
			if c.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			p := problem.As(err)
			g.Expect(p.ID).To(Equal(c.want))
			g.Expect(p.Why).To(Equal(strings.ReplaceAll(c.why, "FIRST", first.URL)))
			g.Expect(err.Error()).NotTo(ContainSubstring("canary"))
		})
	}
}

// What stands in the way of a download is named as what it is.
func TestWhatStandsInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a page for logging in": {want: "fetch/page", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprint(w, "<html>Sign in</html>")
		}},
		"a proxy that wants a password": {want: "fetch/proxy", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }},
		"a file that says it is a page": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, content)
		}},
		"one byte now and then": {want: "fetch/broken-off", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			for r.Context().Err() == nil {
				_, _ = fmt.Fprint(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			client := client()
			client.Idle, client.Tries = 100*time.Millisecond, 1
			source, err := save(t, client, "http://canary@"+strings.TrimPrefix(server.URL, "http://")+"/f?token=canary", "")
			g.Expect(source).To(Equal(server.URL + "/f?…"))
			if c.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(problem.As(err).ID).To(Equal(c.want))
			g.Expect(err.Error() + problem.As(err).Why).NotTo(ContainSubstring("canary"))
		})
	}
}
