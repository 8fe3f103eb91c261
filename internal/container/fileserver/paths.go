package fileserver

import (
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/site"
)

// found is what there is of a path.
type found struct {
	// name is the file; empty where there is none.
	name string
	// folder: it is a folder with a page, asked for without the slash at its end.
	folder bool
	// listed: it is a folder without a page, dir, whose files may be listed.
	listed bool
	dir    string
}

// find looks for what is asked for by a path.
func (s *server) find(asked string) found {
	clean := path.Clean("/" + asked)
	name, slash := strings.TrimPrefix(clean, "/"), strings.HasSuffix(asked, "/")
	if hidden(name) {
		return found{}
	}
	switch info, isFile := s.stat(orDot(name)); {
	case isFile && slash:
		// A file is no folder: its relative links would lead elsewhere.
		return found{}
	case isFile:
		return found{name: name}
	case info != nil && info.IsDir():
		page := path.Join(name, "index.html")
		switch {
		case s.is(page) && (slash || name == ""):
			return found{name: page}
		case s.is(page):
			return found{folder: true}
		case s.Site.Listing:
			return found{listed: slash || name == "", folder: !slash && name != "", dir: orDot(name)}
		}
	}
	if name != "" && !slash && s.is(name+".html") {
		return found{name: name + ".html"}
	}
	return found{}
}

// canonical gives a request with the path that is served: without empty parts, "." and "..". A slash at the end stays.
func canonical(r *http.Request) *http.Request {
	clean := path.Clean("/" + r.URL.Path)
	if clean != "/" && strings.HasSuffix(r.URL.Path, "/") {
		clean += "/"
	}
	if clean == r.URL.Path {
		return r
	}
	with := *r
	address := *r.URL
	address.Path, address.RawPath = clean, ""
	with.URL = &address
	return &with
}

// schemeOf is how a request came to the proxy in front, if one says it.
func schemeOf(r *http.Request) string {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.ToLower(strings.TrimSpace(proto))
}

// cameBy reports whether a request came by a scheme. Where no proxy says it, it was not http for sure: a rule that leads to https would lead there for ever.
func cameBy(scheme string, r *http.Request) bool {
	return scheme == "" || scheme == "https" && schemeOf(r) != "http" || scheme == schemeOf(r)
}

// hidden reports whether a name is not for everybody's eyes: names with a dot in front, but for RFC 8615's, and what steers the server.
func hidden(name string) bool {
	for _, rules := range []string{site.HeadersFile, site.RedirectsFile} {
		if name == rules || strings.HasPrefix(name, rules+".") {
			return true
		}
	}
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

// stat gives what is known of a name; nothing for what is not there.
func (s *server) stat(name string) (info fs.FileInfo, isFile bool) {
	if _, known := s.cache.recent(name, time.Now()); known {
		return nil, true
	}
	info, err := fs.Stat(s.Files, name)
	if err != nil {
		return nil, false
	}
	return info, !info.IsDir()
}

func (s *server) is(name string) bool {
	_, isFile := s.stat(name)
	return isFile
}

// folderAddress is the path that was asked for, with a slash at its end. It begins with one slash: two would name another host.
func folderAddress(r *http.Request) string {
	target := (&url.URL{Path: path.Clean("/"+r.URL.Path) + "/"}).EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	return target
}

func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}
