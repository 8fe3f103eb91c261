// Package sitefiles reads what files of an application say of how a static site is served: those of Heroku, Cloud Foundry, Railpack and Netlify.
package sitefiles

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http/httpguts"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Names of the files that say how a site is served.
const (
	StaticJSON = "static.json"
	Staticfile = "Staticfile"
	// StaticfileAuth are passwords, beside a Staticfile: https://docs.cloudfoundry.org/buildpacks/staticfile/#authentication.
	StaticfileAuth = "Staticfile.auth"
	NetlifyTOML    = "netlify.toml"
)

// Said is what files of an application say.
type Said struct {
	Site site.Site
	// Root is the folder to serve, relative to the application's; empty where none says it. RootFrom is the file that does.
	Root, RootFrom string
	// Named: the file says so, and does not only have it as its default.
	Named bool
	// From are the files that were read.
	From     []string
	Warnings []string
}

// Find reads the files in an application's folder. One that is not understood is an error.
func Find(a app.App, dir string) (said Said, err error) {
	for _, f := range []struct {
		name string
		read func(Said, []byte) (Said, error)
	}{{StaticJSON, ofStaticJSON}, {Staticfile, ofStaticfile}, {NetlifyTOML, ofNetlify}} {
		name := path.Join(dir, f.name)
		text, found, err := a.Read(name)
		if err != nil {
			return said, err
		}
		if !found {
			continue
		}
		root := said.Root
		if said, err = f.read(said, text); err != nil {
			return said, &problem.Problem{
				ID:    "site/not-understood",
				Title: "what is said of the site is not understood",
				Where: where(name, text, err),
				Why:   err.Error(),
				Hints: []string{"Correct " + name + ", or remove it."},
			}
		}
		said.From = append(said.From, name)
		if f.name == Staticfile {
			passwords, _, err := a.Read(path.Join(dir, StaticfileAuth))
			if err != nil {
				return said, err
			}
			said.Site.Passwords = strings.TrimSpace(string(passwords))
		}
		if root == "" && said.Root != "" {
			said.RootFrom = name
		}
	}
	return said, nil
}

// where is the place of a mistake, as far as the reader of the format tells.
func where(name string, text []byte, err error) problem.Position {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return problem.At(name, text, int(max(0, syntax.Offset-1)))
	}
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		return problem.Position{File: name, Line: parse.Position.Line}
	}
	return problem.Position{File: name}
}

// root is a folder as a file gives it: within the application, or none.
func root(text string) string {
	if text = path.Clean(strings.TrimPrefix(text, "/")); text == "." || text == ".." || strings.HasPrefix(text, "../") {
		return ""
	}
	return text
}

// ofStaticJSON reads the file of https://github.com/heroku/heroku-buildpack-static#configuration.
func ofStaticJSON(said Said, text []byte) (Said, error) {
	var file struct {
		Root          string                                    `json:"root"`
		CleanURLs     *bool                                     `json:"clean_urls"`
		Routes        orderedJSON[route]                        `json:"routes"`
		Redirects     orderedJSON[staticRedirect]               `json:"redirects"`
		Headers       orderedJSON[orderedJSON[json.RawMessage]] `json:"headers"`
		HTTPSOnly     bool                                      `json:"https_only"`
		ErrorPage     string                                    `json:"error_page"`
		BasicAuth     bool                                      `json:"basic_auth"`
		CanonicalHost string                                    `json:"canonical_host"`
		Proxies       map[string]any                            `json:"proxies"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return said, err
	}
	s := &said.Site
	said.Root, said.Named = root(cmp.Or(file.Root, "public_html")), file.Root != ""
	s.ForceHTTPS, s.NotFound, s.BasicAuth, s.Host = file.HTTPSOnly, strings.TrimPrefix(file.ErrorPage, "/"), file.BasicAuth, file.CanonicalHost
	if strings.Contains(s.Host, "$") {
		said.Warnings = append(said.Warnings, StaticJSON+": canonical_host names a variable, which is not filled in: write the host, or redirect in front of the image.")
		s.Host = ""
	}
	for _, r := range file.Redirects {
		status := r.value.Status
		if status == 0 {
			status = 301
		}
		said.add(StaticJSON, site.Redirect{From: site.Pattern{Path: r.key, Glob: true}, To: r.value.URL, Status: status, Force: true})
	}
	for _, r := range file.Routes {
		redirect := site.Redirect{From: site.Pattern{Path: r.key, Glob: true}, To: "/" + strings.TrimPrefix(r.value.Path, "/"), Status: 200}
		for _, except := range append(r.value.Excepts, r.value.Except...) {
			if strings.HasSuffix(except, "/") {
				except += "**"
			}
			redirect.Except = append(redirect.Except, site.Pattern{Path: except, Glob: true})
		}
		said.add(StaticJSON, redirect)
	}
	for _, h := range file.Headers {
		header := site.Header{For: site.Pattern{Path: staticGlob(h.key), Glob: true}}
		for _, pair := range h.value {
			said.set(&header, StaticJSON, pair.key, strings.Trim(string(pair.value), `"`))
		}
		// The last one that fits counts, and no other: https://github.com/heroku/heroku-buildpack-static#custom-headers.
		header.Alone = true
		s.Headers = append(s.Headers, header)
	}
	if len(file.Proxies) > 0 {
		said.Warnings = append(said.Warnings, StaticJSON+": proxies are not done ("+strings.Join(slices.Sorted(maps.Keys(file.Proxies)), ", ")+"): let the page ask there itself, or a proxy in front of the image.")
	}
	return said, nil
}

// staticGlob is a path of headers: "/" is that of all that no other names, which is all.
func staticGlob(key string) string {
	if key == "/" {
		return "/**"
	}
	return key
}

// route is a file, or one with the paths that are none of it.
type route struct {
	Path    string    `json:"path"`
	Excepts oneOrMore `json:"excepts"`
	Except  oneOrMore `json:"except"`
}

// oneOrMore is a text, or a list of them.
type oneOrMore []string

// UnmarshalJSON reads both.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// UnmarshalJSON reads both forms.
func (r *route) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &r.Path) == nil {
		return nil
	}
	type plain route
	return json.Unmarshal(text, (*plain)(r))
}

type staticRedirect struct {
	URL    string `json:"url"`
	Status int    `json:"status"`
}

// set adds a header, unless it is none.
func (s *Said) set(header *site.Header, file, name, value string) {
	if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %q is no header: it is left out.", file, name))
		return
	}
	header.Set = append(header.Set, [2]string{name, value})
}

// add adds a redirect, unless it cannot be done.
func (s *Said) add(file string, r site.Redirect) {
	if why := r.Check(); why != "" {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %s: %s.", file, r.From.Path, why))
		return
	}
	s.Site.Redirects = append(s.Site.Redirects, r)
}

// ofStaticfile reads the file of https://docs.cloudfoundry.org/buildpacks/staticfile/ and of https://railpack.com/languages/staticfile.
func ofStaticfile(said Said, text []byte) (Said, error) {
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return said, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	on := func(key string) bool {
		switch v := values[key].(type) {
		case bool:
			return v
		case string:
			return slices.Contains([]string{"enabled", "true", "visible"}, strings.ToLower(v))
		}
		return false
	}
	s := &said.Site
	if text, ok := values["root"].(string); ok {
		said.Root, said.Named = root(text), root(text) != ""
	}
	if on("pushstate") || on("index_fallback") {
		s.Redirects = append(s.Redirects, site.Redirect{From: site.Address("/*"), To: "/index.html", Status: 200})
	}
	s.ForceHTTPS = s.ForceHTTPS || on("force_https")
	s.Listing = s.Listing || on("directory")
	if on("http_strict_transport_security") {
		value := "max-age=31536000"
		if on("http_strict_transport_security_include_subdomains") {
			value += "; includeSubDomains"
		}
		if on("http_strict_transport_security_preload") {
			value += "; preload"
		}
		s.Headers = append(s.Headers, site.Header{For: site.Address("/*"), Set: [][2]string{{"Strict-Transport-Security", value}}})
	}
	known := []string{"root", "pushstate", "index_fallback", "force_https", "directory", "http_strict_transport_security", "http_strict_transport_security_include_subdomains",
		"http_strict_transport_security_preload", "enable_http2"}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, key) {
			said.Warnings = append(said.Warnings, Staticfile+": "+key+" has no effect: headers are written to a file _headers, and redirects to _redirects.")
		}
	}
	return said, nil
}

// ofNetlify reads the file of https://docs.netlify.com/build/configure-builds/file-based-configuration/.
func ofNetlify(said Said, text []byte) (Said, error) {
	var file struct {
		Build     struct{ Base, Publish, Command string }
		Redirects []struct {
			From, To   string
			Status     int
			Force      bool
			Query      map[string]string
			Conditions map[string]any
			Headers    map[string]any
			Signed     string
		}
		Headers []struct {
			For    string
			Values map[string]any
		}
	}
	if _, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&file); err != nil {
		return said, err
	}
	if said.Root == "" {
		said.Root = root(path.Join(file.Build.Base, file.Build.Publish))
		said.Named = said.Root != ""
	}
	for i, r := range file.Redirects {
		status := r.Status
		if status == 0 {
			status = 301
		}
		if len(r.Conditions) > 0 || r.Signed != "" {
			said.Warnings = append(said.Warnings, NetlifyTOML+": the redirect number "+strconv.Itoa(i+1)+" ("+r.From+") has a condition, which is not known here: it is passed over.")
			continue
		}
		said.add(NetlifyTOML, site.Redirect{From: site.Address(r.From), Query: r.Query, To: r.To, Status: status, Force: r.Force})
	}
	for _, h := range file.Headers {
		header := site.Header{For: site.Address(h.For)}
		for _, name := range slices.Sorted(maps.Keys(h.Values)) {
			said.set(&header, NetlifyTOML, name, strings.Join(strings.Fields(fmt.Sprint(h.Values[name])), " "))
		}
		said.Site.Headers = append(said.Site.Headers, header)
	}
	return said, nil
}

// pair is a key and its value; an object of JSON in the order in which it is written is a list of them: the first route that matches counts.
type pair[T any] struct {
	key   string
	value T
}

type orderedJSON[T any] []pair[T]

// UnmarshalJSON reads an object in its order.
func (o *orderedJSON[T]) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return errors.New("an object is expected")
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var p pair[T]
		p.key, _ = key.(string)
		if err := decoder.Decode(&p.value); err != nil {
			return err
		}
		*o = append(*o, p)
	}
	return nil
}
