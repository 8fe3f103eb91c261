package oci

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// A registry that answers, sends or takes nothing is given up, and named; one that is slow and goes on is not.
func TestRegistriesThatStall(t *testing.T) {
	const limit = 200 * time.Millisecond
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		send  int
		want  string
	}{
		"no answer": {serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, want: "makes no progress: less than 16 KB in 200ms"},
		"half an answer": {serve: func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 40<<10))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, want: "makes no progress: less than 16 KB in 200ms"},
		"a byte at a time": {serve: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte{0})
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, want: "makes no progress: less than 16 KB in 200ms"},
		"nothing taken": {send: 64 << 20, serve: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 1<<20))
			time.Sleep(5 * limit)
		}, want: "makes no progress: less than 16 KB in 200ms"},
		"slow": {serve: func(w http.ResponseWriter, _ *http.Request) {
			for range 5 {
				_, _ = w.Write(make([]byte, 20<<10))
				w.(http.Flusher).Flush()
				time.Sleep(limit / 2)
			}
		}},
		"storing what was sent": {send: 1 << 20, serve: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(limit + limit/2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(c.serve)
			defer server.CloseClientConnections()
			client := http.Client{Transport: patient(&http.Transport{}, limit, 2*limit)}
			request, err := http.NewRequest(http.MethodPut, server.URL, bytes.NewReader(make([]byte, c.send)))
			g.Expect(err).NotTo(HaveOccurred())
			response, err := client.Do(request)
			if err == nil {
				_, err = io.Copy(io.Discard, response.Body)
				g.Expect(response.Body.Close()).To(Succeed())
			}
			if c.want == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(ContainSubstring(strings.TrimPrefix(server.URL, "http://") + " " + c.want)))
		})
	}
}
