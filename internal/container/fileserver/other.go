package fileserver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

func withAnswer(ctx context.Context, a answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

func answerOf(ctx context.Context) answer {
	a, _ := ctx.Value(answerKey{}).(answer)
	return a
}

// config answers with the variables that pages may read: as JSON, or as a script that sets window.env.
func (s *server) config(w http.ResponseWriter) {
	values := map[string]string{}
	for _, name := range s.Site.Config {
		// What holds a password is a secret, whatever it is called.
		if value, found := s.Variable(name); found && !contract.HasPassword(value) {
			values[name] = value
		}
	}
	// encoding/json writes <, > and & so that they end no script.
	text, err := json.Marshal(values)
	if err != nil {
		unreadable(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "application/json")
	if path.Ext(s.Site.ConfigPath) == ".js" {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		text = fmt.Appendf(nil, "window.env = %s;\n", text)
	}
	_, _ = w.Write(text)
}

// list answers with the names of a folder's files.
func (s *server) list(w http.ResponseWriter, r *http.Request, dir string) {
	entries, err := fs.ReadDir(s.Files, dir)
	if err != nil {
		unreadable(w, err)
		return
	}
	title := html.EscapeString(r.URL.Path)
	var out strings.Builder
	fmt.Fprintf(&out, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>%s</title>\n<h1>%s</h1>\n<ul>\n", title, title)
	for _, entry := range entries {
		name := entry.Name()
		made := slices.ContainsFunc(codings, func(c encoding) bool {
			plain, found := strings.CutSuffix(name, c.extension)
			return found && s.is(path.Join(dir, plain))
		})
		if made || hidden(strings.TrimPrefix(path.Join(dir, name), "./")) {
			continue
		}
		if entry.IsDir() {
			name += "/"
		}
		fmt.Fprintf(&out, "<li><a href=\"./%s\">%s</a>\n", html.EscapeString((&url.URL{Path: name}).EscapedPath()), html.EscapeString(name))
	}
	out.WriteString("</ul>\n")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = io.WriteString(w, out.String())
}

// maxKnown is how many pairs of a name and a password are remembered.
const maxKnown = 1000

// authenticated asks for a name and a password: RFC 7617. Those that were right are remembered, as a digest with a key of this process: bcrypt takes its time
// on purpose, and a page has many files.
func authenticated(allow func(name, password string) bool, next http.Handler) http.Handler {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	var known sync.Map
	var count int
	var mutex sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, given := r.BasicAuth()
		if given {
			digest := hmac.New(sha256.New, key)
			fmt.Fprintf(digest, "%d:%s%s", len(name), name, password)
			sum := string(digest.Sum(nil))
			if _, ok := known.Load(sum); ok {
				next.ServeHTTP(w, r)
				return
			}
			if allow(name, password) {
				mutex.Lock()
				if count++; count <= maxKnown {
					known.Store(sum, true)
				}
				mutex.Unlock()
				next.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="site", charset="UTF-8"`)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "a name and a password are needed", http.StatusUnauthorized)
	})
}

// logged notes each request in the combined format: https://httpd.apache.org/docs/2.4/logs.html#combined. The parameters are left out: they may hold secrets.
func logged(log io.Writer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		counted := &counter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		client, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			client = r.RemoteAddr
		}
		if forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ","); forwarded != "" {
			client = strings.TrimSpace(forwarded)
		}
		user, _, _ := r.BasicAuth()
		referrer := r.Referer()
		if u, err := url.Parse(referrer); err == nil {
			u.RawQuery, u.Fragment, u.User = "", "", nil
			referrer = u.String()
		}
		_, _ = fmt.Fprintf(log, "%s - %s [%s] %q %d %d %q %q %.3f\n", word(client), word(user), start.Format("02/Jan/2006:15:04:05 -0700"), r.Method+" "+r.URL.EscapedPath()+" "+r.Proto,
			counted.status, counted.bytes, referrer, r.UserAgent(), time.Since(start).Seconds())
	})
}

// word is a field of a line without quotes.
func word(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || r > 0x7e {
			return '?'
		}
		return r
	}, text)
}

// counter counts what is sent.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// ReadFrom lets the kernel send a file, where it can.
func (c *counter) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, src)
	c.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
