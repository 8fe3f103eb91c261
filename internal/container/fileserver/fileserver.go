// Package fileserver is the web server for what builds of static sites and single-page applications make: the file of the
// path, "about" for about.html, a folder's index.html; else 404.html, or the start page of a single-page application. What else a site wants is in
// package site.
package fileserver

import (
	"io"
	"io/fs"
	"net/http"
	"slices"

	"github.com/klauspost/compress/gzhttp"

	"github.com/gantry-buildpack/gantry/internal/container/site"
)

// Options are what a server serves, and how.
type Options struct {
	Files fs.FS
	Site  site.Site
	// Variable finds a variable of the container, for what pages may read.
	Variable func(name string) (string, bool)
	// Allow reports whether a name and a password are known; nil: everybody may read.
	Allow func(name, password string) bool
	// Log is where each request is noted; nil for nowhere.
	Log io.Writer
}

// New gives the server for a site. The warnings are of its files _headers and _redirects.
func New(o Options) (handler http.Handler, warnings []string) {
	s := &server{Options: o, compressing: make(chan struct{}, maxCompressing)}
	headers, redirects := o.Site.Headers, o.Site.Redirects
	if text, err := fs.ReadFile(o.Files, site.HeadersFile); err == nil {
		more, wrong := site.ParseHeaders(string(text))
		headers, warnings = append(slices.Clone(headers), more...), append(warnings, wrong...)
	}
	if text, err := fs.ReadFile(o.Files, site.RedirectsFile); err == nil {
		more, wrong := site.ParseRedirects(string(text))
		// The site's own file is nearer to it than what else is said.
		redirects, warnings = append(more, redirects...), append(warnings, wrong...)
	}
	for _, h := range headers {
		s.headers = append(s.headers, headerRule{h, h.For.Compile()})
	}
	for _, r := range redirects {
		rule := redirectRule{Redirect: r, match: r.From.Compile()}
		for _, except := range r.Except {
			rule.except = append(rule.except, except.Compile())
		}
		s.redirects = append(s.redirects, rule)
	}
	// Another coding is another representation, with a tag of its own: RFC 9110, section 8.8.3.
	compress, err := gzhttp.NewWrapper(gzhttp.SuffixETag("-gzip"))
	if err != nil {
		// The options are right.
		panic(err)
	}
	s.compressed = compress(http.HandlerFunc(s.content))
	handler = http.HandlerFunc(s.serve)
	if o.Allow != nil {
		handler = authenticated(o.Allow, handler)
	}
	handler = toOneAddress(o.Site, handler)
	if o.Log != nil {
		handler = logged(o.Log, handler)
	}
	return handler, warnings
}

// Defaults are headers of all responses, unless the site takes them away.
var Defaults = [][2]string{{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "strict-origin-when-cross-origin"}}

type server struct {
	Options
	headers   []headerRule
	redirects []redirectRule
	cache     cache
	// compressed answers with a file that is compressed for this request.
	compressed http.Handler
	// compressing has room for those requests that may be compressed at the same time: one takes up to a megabyte.
	compressing chan struct{}
}

// maxCompressing is how many these are.
const maxCompressing = 32

type headerRule struct {
	site.Header
	match func(host, path string) (map[string]string, bool)
}

type redirectRule struct {
	site.Redirect
	match  func(host, path string) (map[string]string, bool)
	except []func(host, path string) (map[string]string, bool)
}

// matches compares a request with the rule.
func (r redirectRule) matches(host, path string) (parts map[string]string, ok bool) {
	if parts, ok = r.match(host, path); !ok {
		return nil, false
	}
	for _, except := range r.except {
		if _, excepted := except(host, path); excepted {
			return nil, false
		}
	}
	return parts, true
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	// Rules and files are looked for by the same path, however it is spelled.
	r = canonical(r)
	found := s.find(r.URL.Path)
	s.setHeaders(w.Header(), r, found)
	if s.Site.ConfigPath != "" && r.URL.Path == s.Site.ConfigPath {
		s.config(w)
		return
	}
	if rule, target, ok := s.redirect(r, found.name != "" || found.folder); ok {
		s.follow(w, r, rule, target)
		return
	}
	switch {
	case found.name != "":
		s.file(w, r, found.name, http.StatusOK)
	case found.folder:
		// Relative links of a folder's page need the slash.
		target := folderAddress(r)
		http.Redirect(w, r, target, http.StatusMovedPermanently)
	case found.listed:
		s.list(w, r, found.dir)
	default:
		s.missing(w, r)
	}
}

// setHeaders sets what responses for a path have. Several of one name are joined by a comma: RFC 9110, section 5.3.
func (s *server) setHeaders(header http.Header, r *http.Request, f found) {
	for _, d := range Defaults {
		header.Set(d[0], d[1])
	}
	own := map[string]bool{}
	paths := []string{r.URL.Path}
	if f.name != "" && "/"+f.name != r.URL.Path {
		// A rule for /index.html or /*.html is one for what is answered by that file, too.
		paths = append(paths, "/"+f.name)
	}
	fits := func(rule headerRule) bool {
		return cameBy(rule.For.Scheme, r) && slices.ContainsFunc(paths, func(path string) bool { _, ok := rule.match(hostOf(r), path); return ok })
	}
	alone := -1
	for i, rule := range s.headers {
		if rule.Alone && fits(rule) {
			alone = i
		}
	}
	for i, rule := range s.headers {
		if rule.Alone && i != alone || !rule.Alone && !fits(rule) {
			continue
		}
		for _, name := range rule.Remove {
			header.Del(name)
		}
		for _, h := range rule.Set {
			name := http.CanonicalHeaderKey(h[0])
			switch before := header.Get(name); {
			case name == "Set-Cookie":
				header.Add(name, h[1])
			case own[name] && before != "":
				header.Set(name, before+", "+h[1])
			default:
				header.Set(name, h[1])
			}
			own[name] = true
		}
	}
}
