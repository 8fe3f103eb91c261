package fetch_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
)

// A large download that breaks off or stalls goes on where it stopped, and the whole of it has the checksum; a server that
// cannot do that, or has another file by then, is asked for the whole again.
func TestLargeDownloadsGoOn(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 200<<10)
	half := len(large) / 2
	cut := func(w http.ResponseWriter, from int) {
		w.Header().Set("Content-Length", strconv.Itoa(len(large)-from))
		_, _ = w.Write([]byte(large[from:half]))
		w.(http.Flusher).Flush()
	}
	for name, c := range map[string]struct {
		first func(w http.ResponseWriter, r *http.Request)
		// version is the file's; changed: it is another one at the second request; whole: the server has only whole files.
		version        string
		changed, whole bool
		// ranges are those that are asked for.
		ranges []string
		said   string
	}{
		"broken off": {first: func(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }, version: `"1"`, ranges: []string{"", "bytes=" + strconv.Itoa(half) + "-"}, said: "broke off; going on where it stopped"},
		"stalled": {first: func(w http.ResponseWriter, r *http.Request) {
			cut(w, 0)
			<-r.Context().Done()
		}, version: `"1"`, ranges: []string{"", "bytes=" + strconv.Itoa(half) + "-"}, said: "sends too slowly; going on where it stopped"},
		"no version":        {first: func(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }, ranges: []string{"", ""}, said: "broke off"},
		"a weak version":    {first: func(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }, version: `W/"1"`, ranges: []string{"", ""}, said: "broke off"},
		"another file":      {first: func(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }, version: `"1"`, changed: true, ranges: []string{"", "bytes=" + strconv.Itoa(half) + "-", ""}, said: "broke off"},
		"whole files alone": {first: func(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }, version: `"1"`, whole: true, ranges: []string{"", "bytes=" + strconv.Itoa(half) + "-", ""}, said: "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var requests atomic.Int32
			var ranges []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := requests.Add(1)
				ranges = append(ranges, r.Header.Get("Range"))
				version := c.version
				if c.changed && n > 1 {
					version = `"2"`
				}
				if version != "" {
					w.Header().Set("ETag", version)
				}
				switch {
				case n == 1:
					c.first(w, r)
				case c.whole:
					_, _ = w.Write([]byte(large))
				default:
					http.ServeContent(w, r, "a.tgz", time.Time{}, bytes.NewReader([]byte(large)))
				}
			}))
			defer server.Close()
			var said []string
			client := client()
			client.Idle = 300 * time.Millisecond
			client.Retrying = func(_, why string, _ time.Duration) { said = append(said, why) }
			destination := filepath.Join(t.TempDir(), "f")
			size, _, err := client.Save(context.Background(), fetch.File{URL: server.URL + "/a.tgz", Checksum: sha256Of(large)}, destination)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(size).To(Equal(int64(len(large))))
			text, err := os.ReadFile(destination)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text) == large).To(BeTrue())
			g.Expect(ranges).To(Equal(c.ranges))
			g.Expect(said).To(ContainElement(ContainSubstring(c.said)))
		})
	}
}

// A host that lets people wait is named, once.
func TestSlowHostsAreNamed(t *testing.T) {
	g := NewWithT(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(150 * time.Millisecond)
		_, _ = w.Write([]byte(content))
	}))
	defer server.Close()
	hosts := make(chan string, 10)
	client := client()
	client.Slow = 30 * time.Millisecond
	client.Waiting = func(host string, _ time.Duration) { hosts <- host }
	for range 2 {
		_, _, err := client.Save(context.Background(), fetch.File{URL: server.URL, Checksum: sha256Of(content)}, filepath.Join(t.TempDir(), "f"))
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(hosts).To(Receive(Equal(strings.TrimPrefix(server.URL, "http://"))))
	g.Expect(hosts).NotTo(Receive())
}
