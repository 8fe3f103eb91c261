// Package site is what a web server for static files does besides giving out files: redirects, headers, and what is answered where there is no
// file. The build writes it down, and files of the site itself, _headers and _redirects, add to it.
package site

import (
	"cmp"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Site is what is decided about a site when it is built.
type Site struct {
	// Start is the page that answers paths that are no file; empty for 200.html, or index.html in a site without 404.html. Pages: there is none.
	Start string `json:"start,omitempty"`
	Pages bool   `json:"pages,omitempty"`
	// NotFound is the page for what is not there; empty for 404.html.
	NotFound string `json:"not-found,omitempty"`
	// Listing shows the files of a folder that has no index.html.
	Listing bool `json:"listing,omitempty"`
	// ForceHTTPS sends what came to a proxy by http to https; Host is the one to which requests for all others are sent.
	ForceHTTPS bool   `json:"force-https,omitempty"`
	Host       string `json:"host,omitempty"`
	// BasicAuth asks for the name and password in BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD.
	BasicAuth bool `json:"basic-auth,omitempty"`
	// Passwords are lines as htpasswd writes them, which the site's source has.
	Passwords string `json:"passwords,omitempty"`
	// Config are variables that the pages may read, and the path at which they are: one that ends with .js, or JSON.
	Config     []string `json:"config,omitempty"`
	ConfigPath string   `json:"config-path,omitempty"`
	Headers    []Header `json:"headers,omitempty"`
	// Redirects are tried in their order; the first one counts.
	Redirects []Redirect `json:"redirects,omitempty"`
}

// IsZero reports whether nothing is to be done besides giving out files.
func (s Site) IsZero() bool { return reflect.ValueOf(s).IsZero() }

// String tells in a few words what is done.
func (s Site) String() string {
	var parts []string
	for _, part := range []struct {
		there bool
		text  string
	}{
		{len(s.Redirects) > 0, problem.Count(len(s.Redirects), "redirect")}, {len(s.Headers) > 0, "headers for " + problem.Count(len(s.Headers), "path")},
		{s.ForceHTTPS, "https only"}, {s.Host != "", "host " + s.Host}, {s.BasicAuth || s.Passwords != "", "a password"}, {s.Listing, "folders listed"}, {s.NotFound != "", "404: " + s.NotFound},
	} {
		if part.there {
			parts = append(parts, part.text)
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "the folder to serve")
}

// Header is what responses for some paths have.
type Header struct {
	For Pattern `json:"for"`
	// Alone: of the rules of this kind, the last one that fits counts, and no other.
	Alone bool `json:"alone,omitempty"`
	// Set are the headers in their order, Remove the names of those that the server has by default and these paths do not have.
	Set    [][2]string `json:"set,omitempty"`
	Remove []string    `json:"remove,omitempty"`
}

// Redirect sends requests to another place, or answers with another file.
type Redirect struct {
	From Pattern `json:"from"`
	// Query are parameters that a request must have; a value that begins with ":" is for the target.
	Query map[string]string `json:"query,omitempty"`
	// To is a path or an address; :NAME and :splat in it stand for parts of the path.
	To string `json:"to"`
	// Status is 301, 302, 303, 307 or 308; 200 answers with the file that To names, 404 and 410 with that file and this status.
	Status int `json:"status"`
	// Except are paths for which it does not count.
	Except []Pattern `json:"except,omitempty"`
	// Force: it counts where there is a file of that path, too.
	Force bool `json:"force,omitempty"`
}

// Pattern is a path, in which :NAME stands for a part and * at the end for all that follows. With Glob, * stands for a part of a name and ** for all,
// anywhere.
type Pattern struct {
	Path string `json:"path"`
	// Host is the only one for which it counts; empty for all.
	Host string `json:"host,omitempty"`
	// Scheme is http or https, by which a request has to have come; empty for both.
	Scheme string `json:"scheme,omitempty"`
	Glob   bool   `json:"glob,omitempty"`
}

// Address gives the pattern of a path, or of an address with a host.
func Address(text string) Pattern {
	for _, scheme := range []string{"https://", "http://"} {
		if rest, found := strings.CutPrefix(text, scheme); found {
			host, path, _ := strings.Cut(rest, "/")
			name, _, _ := strings.Cut(host, ":")
			return Pattern{Path: decoded("/" + path), Host: name, Scheme: strings.TrimSuffix(scheme, "://")}
		}
	}
	return Pattern{Path: decoded(text)}
}

// decoded is a path as requests have it when they are read: %20 is a space.
func decoded(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}

var placeholder = regexp.MustCompile(`:[A-Za-z][A-Za-z0-9_]*`)

// Compile gives a function that compares a host and a path with the pattern, and gives what stands for its parts.
func (p Pattern) Compile() func(host, path string) (parts map[string]string, ok bool) {
	text := strings.ToValidUTF8(p.Path, "\uFFFD")
	if !strings.HasPrefix(text, "/") {
		text = "/" + text
	}
	expression, err := regexp.Compile("(?s)^" + p.expression(text) + "$")
	if err != nil {
		// One of thousands of parts is too long for an expression, and for a path.
		return func(string, string) (map[string]string, bool) { return nil, false }
	}
	names := expression.SubexpNames()
	return func(host, path string) (map[string]string, bool) {
		if p.Host != "" && !strings.EqualFold(p.Host, host) {
			return nil, false
		}
		m := expression.FindStringSubmatch(path)
		if m == nil {
			return nil, false
		}
		parts := map[string]string{}
		for i, name := range names {
			if name != "" {
				parts[name] = m[i]
			}
		}
		return parts, true
	}
}

// expression writes the pattern of a path as a regular expression. A name that is there twice counts once.
func (p Pattern) expression(text string) string {
	if p.Glob {
		return strings.NewReplacer(`/\*\*`, "(?:/.*)?", `\*\*`, ".*", `\*`, "[^/]*").Replace(regexp.QuoteMeta(text))
	}
	rest := ""
	if before, found := strings.CutSuffix(text, "/*"); found {
		text, rest = before, "(?:/(?P<splat>.*))?"
	} else if before, found := strings.CutSuffix(text, "*"); found {
		text, rest = before, "(?P<splat>.*)"
	} else if text = strings.TrimSuffix(text, "/"); true {
		// With or without a slash at its end, it is the same path.
		rest = "/?"
	}
	var out strings.Builder
	var names []string
	for text != "" {
		at := placeholder.FindStringIndex(text)
		if at == nil || at[0] == 0 || text[at[0]-1] != '/' && !strings.ContainsRune("-._", rune(text[at[0]-1])) {
			out.WriteString(strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*"))
			break
		}
		name := text[at[0]+1 : at[1]]
		out.WriteString(strings.ReplaceAll(regexp.QuoteMeta(text[:at[0]]), `\*`, ".*"))
		if slices.Contains(names, name) || name == "splat" {
			out.WriteString("[^/]+")
		} else {
			out.WriteString("(?P<" + name + ">[^/]+)")
		}
		names, text = append(names, name), text[at[1]:]
	}
	return out.String() + rest
}

// FillAddress puts parts in the place of their names in an address, escaped: they come from a request.
func FillAddress(target string, parts map[string]string) string {
	before, after, _ := strings.Cut(target, "?")
	fill := func(text string, escape func(string) string) string {
		return placeholder.ReplaceAllStringFunc(text, func(name string) string {
			if value, found := parts[name[1:]]; found {
				return escape(value)
			}
			return name
		})
	}
	filled := fill(before, func(value string) string { return (&url.URL{Path: "/" + value}).EscapedPath()[1:] })
	if len(before) == len(target) {
		return filled
	}
	return filled + "?" + fill(after, url.QueryEscape)
}

// Fill puts parts in the place of their names in a target.
func Fill(target string, parts map[string]string) string {
	return placeholder.ReplaceAllStringFunc(target, func(name string) string {
		if value, found := parts[name[1:]]; found {
			return value
		}
		return name
	})
}
