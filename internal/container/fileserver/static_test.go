package fileserver_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/fileserver"
	"github.com/gantry-buildpack/gantry/internal/container/site"
)

// handler serves files without any wishes of the site.
func handler(files fs.FS, s site.Site) http.Handler {
	h, _ := fileserver.New(fileserver.Options{Files: files, Site: s})
	return h
}

func folder(names ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range names {
		files[name] = &fstest.MapFile{Data: []byte("the file " + name)}
	}
	return files
}

func TestPaths(t *testing.T) {
	app := folder("index.html", "assets/index-BmQw3kXz.js", "about.html", "docs/index.html", ".env", ".well-known/security.txt")
	several := folder("index.html", "404.html")
	nuxt := folder("index.html", "404.html", "200.html")
	svelte := folder("app.html", "logo.png")
	for name, c := range map[string]struct {
		files    fstest.MapFS
		start    string
		pages    bool
		path     string
		script   bool
		code     int
		body     string
		location string
	}{
		"the start page":                           {files: app, path: "/", code: 200, body: "the file index.html"},
		"a file":                                   {files: app, path: "/assets/index-BmQw3kXz.js", code: 200, body: "the file assets/index-BmQw3kXz.js"},
		"a page without its extension":             {files: app, path: "/about", code: 200, body: "the file about.html"},
		"a folder":                                 {files: app, path: "/docs/", code: 200, body: "the file docs/index.html"},
		"a folder without its slash":               {files: app, path: "/docs?a=1", code: 301, location: "/docs/?a=1"},
		"a page of a single-page application":      {files: app, path: "/users/john.doe", code: 200, body: "the file index.html"},
		"a script that is not there":               {files: app, path: "/assets/gone.js", code: 404, body: "not found"},
		"a page that anybody asks for":             {files: app, path: "/users/1", script: true, code: 200, body: "the file index.html"},
		"a name with a dot that a script asks for": {files: app, path: "/users/john.doe", script: true, code: 404, body: "not found"},
		"a hidden file":                            {files: several, path: "/.env", code: 404, body: "the file 404.html"},
		"a hidden file that is meant to be seen":   {files: app, path: "/.well-known/security.txt", code: 200, body: "the file .well-known/security.txt"},
		"a file with a slash":                      {files: several, path: "/index.html/", code: 404, body: "the file 404.html"},
		"a way out":                                {files: several, path: "/../../etc/passwd", code: 404, body: "the file 404.html"},
		"a site of several pages":                  {files: several, path: "/gone", code: 404, body: "the file 404.html"},
		"a site that has both":                     {files: nuxt, path: "/users/1", code: 200, body: "the file 200.html"},
		"a picture that is not there, there":       {files: nuxt, path: "/gone.png", code: 404, body: "the file 404.html"},
		"a site of pages without a 404.html":       {files: app, pages: true, path: "/gone", code: 404, body: "not found"},
		"its pages":                                {files: app, pages: true, path: "/about", code: 200, body: "the file about.html"},
		"a start page with another name":           {files: svelte, start: "app.html", path: "/", code: 200, body: "the file app.html"},
		"a start page with another name, deeper":   {files: svelte, start: "app.html", path: "/a/b", code: 200, body: "the file app.html"},
		"a start page that is named but not there": {files: app, start: "app.html", path: "/a", code: 200, body: "the file index.html"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			request := httptest.NewRequest(http.MethodGet, "http://site.example"+c.path, nil)
			if !c.script {
				request.Header.Set("Accept", "text/html,application/xhtml+xml")
			}
			response := httptest.NewRecorder()
			handler(c.files, site.Site{Start: c.start, Pages: c.pages}).ServeHTTP(response, request)
			g.Expect(response.Code).To(Equal(c.code))
			g.Expect(response.Header().Get("Location")).To(Equal(c.location))
			if c.location == "" {
				g.Expect(strings.TrimSpace(response.Body.String())).To(Equal(c.body))
			}
			g.Expect(response.Header().Get("X-Content-Type-Options")).To(Equal("nosniff"))
		})
	}
}

func TestCaching(t *testing.T) {
	g := NewWithT(t)
	server := handler(folder("index.html", "assets/index-BmQw3kXz.js", "static/js/main.3f2a1b9c.js", "js/validation.js", "_next/static/chunks/main.js"), site.Site{})
	get := func(path, tag string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("If-None-Match", tag)
		response := httptest.NewRecorder()
		server.ServeHTTP(response, request)
		return response
	}
	const always, never = "public, max-age=31536000, immutable", "no-cache"
	for path, want := range map[string]string{
		"/": never, "/js/validation.js": never, "/assets/index-BmQw3kXz.js": always, "/static/js/main.3f2a1b9c.js": always,
	} {
		g.Expect(get(path, "").Header().Get("Cache-Control")).To(Equal(want), path)
	}
	for name, want := range map[string]string{
		"chunk-5AQ2PLKJ.js": always, "a-DxYzAbcd.css": always, "main-3f2a1b9c.css": always, "team-photo-01.jpg": never, "logo-1024x512.png": never, "data-20240115.json": never,
		"hero-image-2x.png": never, "app-Settings.js": never, "img-DSC_1234.jpg": never, "logo-Original.png": never, "a-userName.js": never, "b-deadbeef.js": never, "c-12345678.js": never,
	} {
		h := handler(folder(name), site.Site{})
		request := httptest.NewRequest(http.MethodGet, "/"+name, nil)
		response := httptest.NewRecorder()
		h.ServeHTTP(response, request)
		g.Expect(response.Header().Get("Cache-Control")).To(Equal(want), name)
	}
	first := get("/", "")
	g.Expect(first.Header().Get("Last-Modified")).To(BeEmpty(), "an image's files have no times")
	g.Expect(get("/", first.Header().Get("ETag")).Code).To(Equal(304))
	g.Expect(get("/js/validation.js", first.Header().Get("ETag")).Code).To(Equal(200))

	request := httptest.NewRequest(http.MethodPost, "/", nil)
	response := httptest.NewRecorder()
	server.ServeHTTP(response, request)
	g.Expect(response.Code).To(Equal(405))
}

func TestCompression(t *testing.T) {
	g := NewWithT(t)
	files := fstest.MapFS{"index.html": {Data: []byte(strings.Repeat("again and again ", 1000))}}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Accept-Encoding", "gzip")
	response := httptest.NewRecorder()
	handler(files, site.Site{}).ServeHTTP(response, request)
	g.Expect(response.Header().Get("Content-Encoding")).To(Equal("gzip"))
	g.Expect(response.Body.Len()).To(BeNumerically("<", 1000))
}

// A folder that is mounted may change: within a second, it is seen.
func TestChangedFiles(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	write := func(text string) {
		g.Expect(os.WriteFile(filepath.Join(dir, "a.txt"), []byte(text), 0o644)).To(Succeed())
	}
	write("one")
	server := handler(os.DirFS(dir), site.Site{})
	first := get(server, "/a.txt")
	g.Expect(first.Body.String()).To(Equal("one"))
	g.Expect(get(server, "/a.txt", "If-None-Match: "+first.Header().Get("Etag")).Code).To(Equal(304))
	write("two, longer")
	g.Eventually(func() string {
		return get(server, "/a.txt", "If-None-Match: "+first.Header().Get("Etag")).Body.String()
	}).WithTimeout(3 * time.Second).Should(Equal("two, longer"))
	g.Expect(os.Remove(filepath.Join(dir, "a.txt"))).To(Succeed())
	g.Eventually(func() int { return get(server, "/a.txt").Code }).WithTimeout(3 * time.Second).Should(Equal(404))
}
