package fileserver_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/crypto/bcrypt"

	"github.com/gantry-buildpack/gantry/internal/container/fileserver"
	"github.com/gantry-buildpack/gantry/internal/container/site"
)

// get asks a handler for a path, with headers as "Name: value".
func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response := httptest.NewRecorder()
	h.ServeHTTP(response, request)
	return response
}

func with(files fstest.MapFS, name, text string) fstest.MapFS {
	files[name] = &fstest.MapFile{Data: []byte(text)}
	return files
}

func TestRedirects(t *testing.T) {
	files := with(folder("index.html", "news/a.html", "gone.html", "there.html", "app/index.html", "404.html", "closed/a.html"), "_redirects", `
/blog/*   /news/:splat   302
/there    /news/a        301
/forced   /x 301
/there.html /x 301!
/app/*    /app/index.html 200
/lost/*   /nowhere.html  200
/secret   404
/old      /gone.html     410
/shop id=:id /items/:id
/away/*   https://new.example/:splat 308
/up/*     //evil.example/:splat
/q        /target?a=1#part
/loop/*   /loop/:splat 301
/closed/* /404.html 404!
/tab/*    /:splat 302
/rw       /app 200
/caf%C3%A9 /coffee 302
http://plain.example/* https://plain.example/:splat 301!
`)
	h := handler(files, site.Site{})
	for name, c := range map[string]struct {
		path     string
		code     int
		location string
		body     string
	}{
		"another place":                {path: "/blog/2024/x", code: 302, location: "/news/2024/x"},
		"the parameters go along":      {path: "/blog/x?a=1&b=2", code: 302, location: "/news/x?a=1&b=2"},
		"into the target's":            {path: "/q?b=2", code: 301, location: "/target?a=1&b=2#part"},
		"a file is there":              {path: "/there", code: 200, body: "the file there.html"},
		"a file is there, but forced":  {path: "/there.html", code: 301, location: "/x"},
		"a rewrite":                    {path: "/app/users/7", code: 200, body: "the file app/index.html"},
		"a rewrite to nothing":         {path: "/lost/x", code: 404, body: "the file 404.html"},
		"a status alone":               {path: "/secret", code: 404, body: "the file 404.html"},
		"a page with a status":         {path: "/old", code: 410, body: "the file gone.html"},
		"a parameter":                  {path: "/shop?id=7", code: 301, location: "/items/7"},
		"a parameter that is not":      {path: "/shop", code: 404, body: "the file 404.html"},
		"another host":                 {path: "/away/x/y", code: 308, location: "https://new.example/x/y"},
		"never another host by a path": {path: "/up/x", code: 301, location: "/evil.example/x"},
		"nor by what is asked for":     {path: "/blog//evil.example", code: 302, location: "/news/evil.example"},
		"closed":                       {path: "/closed/a.html", code: 404, body: "the file 404.html"},
		"closed, spelled otherwise":    {path: "//closed/a.html", code: 404, body: "the file 404.html"},
		"closed, by a way around":      {path: "/x/../closed/./a.html", code: 404, body: "the file 404.html"},
		"closed, by a line feed":       {path: "/closed/%0a/../a.html", code: 404, body: "the file 404.html"},
		"a tab, which browsers drop":   {path: "/tab/%09/evil.example", code: 302, location: "/%09/evil.example"},
		"what is escaped stays so":     {path: "/blog/a%3Fb%23c%25", code: 302, location: "/news/a%3Fb%23c%25"},
		"a rewrite to a folder":        {path: "/rw", code: 200, body: "the file app/index.html"},
		"a rule that is escaped":       {path: "/caf%C3%A9", code: 302, location: "/coffee"},
		"a loop":                       {path: "/loop/x", code: 404, body: "the file 404.html"},
		"the rules are not served":     {path: "/_redirects", code: 404, body: "the file 404.html"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			response := get(h, c.path, "Accept: text/html")
			g.Expect(response.Code).To(Equal(c.code))
			g.Expect(response.Header().Get("Location")).To(Equal(c.location))
			if c.body != "" {
				g.Expect(response.Body.String()).To(Equal(c.body))
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	g := NewWithT(t)
	files := with(folder("index.html", "a/b.js"), "_headers", "/*\n  X-Frame-Options: DENY\n  Link: <a>\n/a/*\n  Link: <b>\n  Cache-Control: max-age=60\n  ! Referrer-Policy\n/*.js\n  X-Script: yes\n/index.html\n  X-Page: yes\nhttps://other.example/*\n  X-Other: yes\n")
	h := handler(files, site.Site{})
	page := get(h, "/").Header()
	g.Expect(page).To(And(HaveKeyWithValue("X-Frame-Options", []string{"DENY"}), HaveKeyWithValue("X-Content-Type-Options", []string{"nosniff"}),
		HaveKeyWithValue("Referrer-Policy", []string{"strict-origin-when-cross-origin"}), HaveKeyWithValue("X-Page", []string{"yes"}), Not(HaveKey("X-Other"))))
	script := get(h, "/a/b.js").Header()
	g.Expect(script).To(And(HaveKeyWithValue("Link", []string{"<a>, <b>"}), HaveKeyWithValue("Cache-Control", []string{"max-age=60"}), Not(HaveKey("Referrer-Policy"))))
	g.Expect(get(h, "/_headers").Header().Get("Content-Type")).To(ContainSubstring("text/plain"))
	other := httptest.NewRequest(http.MethodGet, "http://other.example:8080/", nil)
	response := httptest.NewRecorder()
	h.ServeHTTP(response, other)
	g.Expect(response.Header()).To(HaveKeyWithValue("X-Other", []string{"yes"}))
}

// A file that a build has compressed is answered with in the coding that the client likes best.
func TestCompressedFiles(t *testing.T) {
	text := strings.Repeat("again and again ", 1000)
	files := fstest.MapFS{"a.js": {Data: []byte(text)}, "a.js.br": {Data: []byte("by brotli")}, "a.js.zst": {Data: []byte("by zstd")}, "a.js.gz": {Data: []byte("by gzip")}, "b.css": {Data: []byte(text)}, "c.png": {Data: []byte(text)}}
	h := handler(files, site.Site{})
	for accepts, want := range map[string]string{
		"":                        " " + text,
		"gzip, deflate, br":       "br by brotli",
		"gzip, deflate, br, zstd": "br by brotli",
		"br;q=0.1, zstd, gzip":    "zstd by zstd",
		"gzip":                    "gzip by gzip",
		"br;q=0, gzip;q=0.5":      "gzip by gzip",
		"*":                       "br by brotli",
		"identity":                " " + text,
		"*;q=0":                   " " + text,
	} {
		g := NewWithT(t)
		response := get(h, "/a.js", "Accept-Encoding: "+accepts)
		g.Expect(response.Header().Get("Content-Encoding")+" "+response.Body.String()).To(Equal(want), accepts)
		g.Expect(response.Header().Values("Vary")).To(Equal([]string{"Accept-Encoding"}), accepts)
		g.Expect(response.Header().Get("Content-Type")).To(Equal("text/javascript; charset=utf-8"), accepts)
	}
	g := NewWithT(t)
	plain, small := get(h, "/a.js").Header().Get("Etag"), get(h, "/a.js", "Accept-Encoding: br").Header().Get("Etag")
	g.Expect(plain).NotTo(Equal(small), "another representation has another tag: RFC 9110, 8.8.3")
	g.Expect(get(h, "/a.js", "Accept-Encoding: br", "If-None-Match: "+small).Code).To(Equal(304))
	g.Expect(get(h, "/a.js", "Accept-Encoding: br", "If-None-Match: "+plain).Code).To(Equal(200))
	g.Expect(get(h, "/b.css", "Accept-Encoding: br, gzip").Header().Get("Content-Encoding")).To(Equal("gzip"), "what no build has compressed is compressed now")
	g.Expect(get(h, "/c.png", "Accept-Encoding: br, gzip").Header().Get("Content-Encoding")).To(BeEmpty())
	part := get(h, "/b.css", "Accept-Encoding: gzip", "Range: bytes=0-4")
	g.Expect(part.Code).To(Equal(206))
	g.Expect(part.Body.String()).To(Equal("again"))
}

func TestHTTPSAndHost(t *testing.T) {
	h := handler(folder("index.html"), site.Site{ForceHTTPS: true, Host: "www.example"})
	for name, c := range map[string]struct {
		host, proto, want string
	}{
		"by http":                 {host: "www.example", proto: "http", want: "https://www.example/?a=1"},
		"by https":                {host: "www.example", proto: "https"},
		"another host":            {host: "example", proto: "https", want: "https://www.example/?a=1"},
		"both":                    {host: "example:80", proto: "http", want: "https://www.example/?a=1"},
		"a probe":                 {host: "10.0.0.7:8080"},
		"through several proxies": {host: "www.example", proto: "http, https", want: "https://www.example/?a=1"},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodGet, "/?a=1", nil)
			request.Host = c.host
			if c.proto != "" {
				request.Header.Set("X-Forwarded-Proto", c.proto)
			}
			response := httptest.NewRecorder()
			h.ServeHTTP(response, request)
			NewWithT(t).Expect(response.Header().Get("Location")).To(Equal(c.want))
		})
	}
}

// Pages may read what the build names, and a value ends no script.
func TestConfig(t *testing.T) {
	g := NewWithT(t)
	values := map[string]string{"API_URL": "https://api.example", "NAME": "</script><b>", "DATABASE_URL": "postgres://ann:s3cret@db/x"}
	o := fileserver.Options{Files: folder("index.html"), Site: site.Site{Config: []string{"API_URL", "NAME", "ABSENT", "DATABASE_URL"}, ConfigPath: "/config.json"}, Variable: func(name string) (string, bool) {
		value, found := values[name]
		return value, found
	}}
	h, _ := fileserver.New(o)
	response := get(h, "/config.json")
	g.Expect(response.Body.String()).To(Equal(`{"API_URL":"https://api.example","NAME":"\u003c/script\u003e\u003cb\u003e"}`))
	g.Expect(response.Header()).To(And(HaveKeyWithValue("Cache-Control", []string{"no-cache"}), HaveKeyWithValue("Content-Type", []string{"application/json"})))
	o.Site.ConfigPath = "/env.js"
	h, _ = fileserver.New(o)
	response = get(h, "/env.js")
	g.Expect(response.Body.String()).To(HavePrefix(`window.env = {"API_URL"`))
	g.Expect(response.Header().Get("Content-Type")).To(Equal("text/javascript; charset=utf-8"))
}

func TestListing(t *testing.T) {
	g := NewWithT(t)
	h := handler(folder("a/b<c>.txt", "a/.env", "a/d/e.txt"), site.Site{Listing: true, Pages: true})
	g.Expect(get(h, "/a").Header().Get("Location")).To(Equal("/a/"))
	g.Expect(get(h, "/a/").Body.String()).To(And(ContainSubstring(`<a href="./b%3Cc%3E.txt">b&lt;c&gt;.txt</a>`), ContainSubstring(`<a href="./d/">d/</a>`), Not(ContainSubstring(".env"))))
	g.Expect(get(handler(folder("a/b.txt"), site.Site{Pages: true}), "/a/").Code).To(Equal(404))
}

func TestPasswords(t *testing.T) {
	root := t.TempDir()
	g := NewWithT(t)
	g.Expect(os.MkdirAll(filepath.Join(root, "users"), 0o755)).To(Succeed())
	write := func(name, text string) {
		g.Expect(os.WriteFile(filepath.Join(root, "users", name), []byte(text), 0o644)).To(Succeed())
	}
	write("type", "HTPASSWD\n")
	// As "htpasswd -nbB ann secret" and "openssl passwd -apr1 -salt abcdefgh secret" make them.
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	g.Expect(err).NotTo(HaveOccurred())
	write(".htpasswd", "ann:"+string(hash)+"\nbob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n")
	binding := func(name string) (string, bool) { return root, name == "SERVICE_BINDING_ROOT" }
	allow, err := fileserver.Credentials(site.Site{}, binding)
	g.Expect(err).NotTo(HaveOccurred())
	h, _ := fileserver.New(fileserver.Options{Files: folder("index.html"), Allow: allow})
	ask := func(name, password string) int {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.SetBasicAuth(name, password)
		response := httptest.NewRecorder()
		h.ServeHTTP(response, request)
		return response.Code
	}
	none := get(h, "/")
	g.Expect(none.Code).To(Equal(401))
	g.Expect(none.Header().Get("WWW-Authenticate")).To(HavePrefix("Basic "))
	for range 2 {
		g.Expect(ask("ann", "secret")).To(Equal(200))
		g.Expect(ask("bob", "secret")).To(Equal(200))
		g.Expect(ask("ann", "wrong")).To(Equal(401))
		g.Expect(ask("nobody", "secret")).To(Equal(401))
	}

	// A site that is meant to be closed does not open.
	write(".htpasswd", "not a line: of htpasswd\nno colon\n")
	_, err = fileserver.Credentials(site.Site{}, binding)
	g.Expect(err).To(MatchError(HaveSuffix("/users/.htpasswd is not understood: each line is written as htpasswd writes it")))
	g.Expect(os.Remove(filepath.Join(root, "users", ".htpasswd"))).To(Succeed())
	_, err = fileserver.Credentials(site.Site{}, binding)
	g.Expect(err).To(MatchError(ContainSubstring("read the passwords")))
	nothing := func(string) (string, bool) { return "", false }
	_, err = fileserver.Credentials(site.Site{BasicAuth: true}, nothing)
	g.Expect(err).To(MatchError(ContainSubstring("set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD")))
	allow, err = fileserver.Credentials(site.Site{}, nothing)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(allow).To(BeNil())
	allow, err = fileserver.Credentials(site.Site{BasicAuth: true}, func(name string) (string, bool) { return name + "!", true })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(allow("BASIC_AUTH_USERNAME!", "BASIC_AUTH_PASSWORD!")).To(BeTrue())
	g.Expect(allow("BASIC_AUTH_USERNAME!", "x")).To(BeFalse())
}

func TestLog(t *testing.T) {
	g := NewWithT(t)
	var log bytes.Buffer
	h, _ := fileserver.New(fileserver.Options{Files: folder("index.html", "404.html"), Log: &log})
	get(h, "/?token=secret", "User-Agent: a\"b\n", "X-Forwarded-For: 203.0.113.9, 10.0.0.1", "Referer: https://a.example/x?token=secret")
	get(h, "/gone")
	lines := strings.Split(log.String(), "\n")
	g.Expect(lines[0]).To(MatchRegexp(`^203\.0\.113\.9 - - \[[^\]]+\] "GET / HTTP/1\.1" 200 19 "https://a\.example/x" "a\\"b\\n" 0\.\d{3}$`))
	g.Expect(lines[1]).To(MatchRegexp(`^192\.0\.2\.1 - - \[[^\]]+\] "GET /gone HTTP/1\.1" 404 17 "" "" 0\.\d{3}$`))
}

// Netlify's rule for one scheme counts for that alone: else it would lead to itself for ever.
func TestSchemes(t *testing.T) {
	g := NewWithT(t)
	h := handler(with(folder("a.html"), "_redirects", "http://plain.example/* https://plain.example/:splat 301!\n"), site.Site{})
	for proto, code := range map[string]int{"http": 301, "https": 200, "": 200} {
		request := httptest.NewRequest(http.MethodGet, "/a.html", nil)
		request.Host = "plain.example"
		request.Header.Set("X-Forwarded-Proto", proto)
		response := httptest.NewRecorder()
		h.ServeHTTP(response, request)
		g.Expect(response.Code).To(Equal(code), proto)
	}
}

// Of Heroku's headers, the last that fits counts alone.
func TestHeadersOfStaticJSON(t *testing.T) {
	g := NewWithT(t)
	all, assets := site.Pattern{Path: "/**", Glob: true}, site.Pattern{Path: "/assets/**", Glob: true}
	h := handler(folder("index.html", "assets/a.css"), site.Site{Headers: []site.Header{
		{For: all, Alone: true, Set: [][2]string{{"Cache-Control", "no-store"}, {"X-A", "1"}}}, {For: assets, Alone: true, Set: [][2]string{{"Cache-Control", "public, max-age=60"}}},
	}})
	g.Expect(get(h, "/").Header()).To(And(HaveKeyWithValue("Cache-Control", []string{"no-store"}), HaveKey("X-A")))
	g.Expect(get(h, "/assets/a.css").Header()).To(And(HaveKeyWithValue("Cache-Control", []string{"public, max-age=60"}), Not(HaveKey("X-A"))))
	g.Expect(get(h, "/assets/gone.css").Header().Get("Cache-Control")).To(Equal("no-cache"), "what is not there is not kept")
}

// A response whose condition fails has no body, and no length of one; what is compressed for a request has a tag of its own.
func TestConditions(t *testing.T) {
	g := NewWithT(t)
	files := fstest.MapFS{"a.txt": {Data: []byte(strings.Repeat("text ", 1000))}, "b.txt": {Data: []byte(strings.Repeat("text ", 1000))}, "b.txt.br": {Data: []byte("small")}}
	h := handler(files, site.Site{})
	failed := get(h, "/b.txt", "Accept-Encoding: br", `If-Match: "x"`)
	g.Expect(failed.Code).To(Equal(412))
	g.Expect(failed.Header().Get("Content-Length")).To(BeEmpty())
	plain, packed := get(h, "/a.txt"), get(h, "/a.txt", "Accept-Encoding: gzip")
	g.Expect(packed.Header().Get("Content-Encoding")).To(Equal("gzip"))
	g.Expect(packed.Header().Get("Etag")).NotTo(Equal(plain.Header().Get("Etag")))
	part := get(h, "/a.txt", "Range: bytes=10-20", "If-Range: "+packed.Header().Get("Etag"))
	g.Expect(part.Code).To(Equal(200), "a part of another representation is no part of this one")
}

// A folder that is mounted may lose its page for what is not there, and get a folder in the place of a file.
func TestChangedFolders(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	write := func(name, text string) {
		g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
	}
	write("404.html", "nothing")
	write("thing", "a file")
	h := handler(os.DirFS(dir), site.Site{Pages: true})
	g.Expect(get(h, "/gone").Body.String()).To(Equal("nothing"))
	g.Expect(get(h, "/thing").Body.String()).To(Equal("a file"))
	g.Expect(os.Remove(filepath.Join(dir, "404.html"))).To(Succeed())
	g.Expect(os.Remove(filepath.Join(dir, "thing"))).To(Succeed())
	write("thing/index.html", "a folder")
	g.Eventually(func() int { return get(h, "/gone").Code }).WithTimeout(3 * time.Second).Should(Equal(404))
	g.Eventually(func() string { return get(h, "/thing/").Body.String() }).WithTimeout(3 * time.Second).Should(Equal("a folder"))
}
