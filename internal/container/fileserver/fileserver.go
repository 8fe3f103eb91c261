// Package fileserver is the web server for what builds of static sites and single-page applications make: the file of the
// path, "about" for about.html, a folder's index.html; else 404.html, or the start page of a single-page application.
package fileserver

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Pages, as a start page, says that the site is no single-page application: what is not there is not found.
const Pages = "--pages"

// Handler serves a folder. start names the page of a single-page application, where that is not 200.html or index.html.
func Handler(files fs.FS, start string) http.Handler {
	return gzhttp.GzipHandler(&server{files: files, start: start})
}

type server struct {
	files fs.FS
	start string
	// tags are the entity tags of files that were asked for: an image's files have no times to tell them apart by.
	tags sync.Map
}

// hashed are names that bundlers give files by their content: they never change.
var hashed = regexp.MustCompile(`(?:[.-](?:[A-Za-z0-9_-]{8}|[0-9a-f]{16}|[0-9a-f]{20}|[0-9a-f]{32})|^_next/static/.+)\.(?:js|mjs|css|woff2?|ttf|otf|eot|png|jpe?g|gif|svg|webp|avif|ico|wasm|json|map|mp4|webm)$`)

var digit = regexp.MustCompile(`[0-9A-Z_]`)

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	clean := path.Clean("/" + r.URL.Path)
	name := strings.TrimPrefix(clean, "/")
	if hidden(name) {
		s.missing(w, r)
		return
	}
	switch info, err := fs.Stat(s.files, orDot(name)); {
	case err == nil && !info.IsDir():
		s.file(w, r, name)
	case err == nil && s.is(path.Join(name, "index.html")):
		// Relative links of a folder's page need the slash.
		if name != "" && !strings.HasSuffix(r.URL.Path, "/") {
			target := clean + "/"
			if r.URL.RawQuery != "" {
				target += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, target, http.StatusMovedPermanently)
			return
		}
		s.file(w, r, path.Join(name, "index.html"))
	case name != "" && s.is(name+".html"):
		s.file(w, r, name+".html")
	default:
		s.missing(w, r)
	}
}

// hidden reports whether a name is not for everybody's eyes: names with a dot in front, but for RFC 8615's.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".well-known" {
			return true
		}
	}
	return false
}

func orDot(name string) string {
	if name == "" {
		return "."
	}
	return name
}

func (s *server) is(name string) bool {
	info, err := fs.Stat(s.files, name)
	return err == nil && !info.IsDir()
}

// missing answers for what is not there. A page of a single-page application exists in the browser only: who may be asking
// for a page, not for a script or a picture, gets the start page, if the site is one: it says so by 200.html, or by having no
// 404.html.
func (s *server) missing(w http.ResponseWriter, r *http.Request) {
	accepts, extension := r.Header.Get("Accept"), path.Ext(r.URL.Path)
	asksForPage := strings.Contains(accepts, "text/html") && mime.TypeByExtension(extension) == "" ||
		extension == "" && (accepts == "" || strings.Contains(accepts, "*/*"))
	start := ""
	for _, name := range []string{s.start, "200.html"} {
		if start == "" && name != Pages && name != "" && s.is(name) {
			start = name
		}
	}
	switch {
	case asksForPage && start != "":
		s.file(w, r, start)
	case s.is("404.html"):
		s.notFound(w, r)
	case asksForPage && s.start != Pages && s.is("index.html"):
		s.file(w, r, "index.html")
	default:
		http.Error(w, "not found", http.StatusNotFound)
	}
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	text, err := fs.ReadFile(s.files, "404.html")
	if err != nil {
		s.unreadable(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusNotFound)
	if r.Method == http.MethodGet {
		_, _ = w.Write(text)
	}
}

func (s *server) file(w http.ResponseWriter, r *http.Request, name string) {
	file, err := s.files.Open(name)
	if err != nil {
		s.unreadable(w, err)
		return
	}
	defer func() { _ = file.Close() }()
	content, ok := file.(io.ReadSeeker)
	if !ok {
		s.unreadable(w, errors.New("not a file"))
		return
	}
	tag, known := s.tags.Load(name)
	if !known {
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			s.unreadable(w, err)
			return
		}
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			s.unreadable(w, err)
			return
		}
		tag = `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:16]) + `"`
		s.tags.Store(name, tag)
	}
	w.Header().Set("ETag", tag.(string))
	if part := hashed.FindString(name); part != "" && digit.MatchString(part) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, content)
}

func (s *server) unreadable(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrPermission) {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	http.Error(w, "not readable", http.StatusInternalServerError)
}
