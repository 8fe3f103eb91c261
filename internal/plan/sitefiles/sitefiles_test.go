package sitefiles_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/plan/sitefiles"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       sitefiles.Said
	}{
		"Heroku's": {"static.json", `{"root": "dist/", "https_only": true, "error_page": "errors/404.html", "canonical_host": "www.example",
			"redirects": {"/old/gone/": {"url": "/", "status": 302}}, "routes": {"/assets/*": "/assets", "/**": {"path": "index.html", "except": "/api/"}},
			"headers": {"/": {"X-A": "1"}, "/assets/**": {"Cache-Control": "max-age=60", "X-B": 31536000}}, "proxies": {"/api/": {"origin": "https://a"}}}`,
			sitefiles.Said{Root: "dist", RootFrom: "static.json", Named: true, From: []string{"static.json"}, Site: site.Site{
				ForceHTTPS: true, NotFound: "errors/404.html", Host: "www.example",
				Redirects: []site.Redirect{
					{From: site.Pattern{Path: "/old/gone/", Glob: true}, To: "/", Status: 302, Force: true},
					{From: site.Pattern{Path: "/assets/*", Glob: true}, To: "/assets", Status: 200}, {From: site.Pattern{Path: "/**", Glob: true}, To: "/index.html", Status: 200, Except: []site.Pattern{{Path: "/api/**", Glob: true}}},
				},
				Headers: []site.Header{
					{For: site.Pattern{Path: "/**", Glob: true}, Alone: true, Set: [][2]string{{"X-A", "1"}}},
					{For: site.Pattern{Path: "/assets/**", Glob: true}, Alone: true, Set: [][2]string{{"Cache-Control", "max-age=60"}, {"X-B", "31536000"}}},
				},
			}, Warnings: []string{"static.json: proxies are not done (/api/): let the page ask there itself, or a proxy in front of the image."}}},
		"Heroku's, of nothing": {"static.json", `{}`, sitefiles.Said{Root: "public_html", RootFrom: "static.json", From: []string{"static.json"}}},
		"Cloud Foundry's": {"Staticfile", "root: dist\npushstate: enabled\nforce_https: true\ndirectory: visible\nhttp_strict_transport_security: true\nssi: enabled\n",
			sitefiles.Said{Root: "dist", RootFrom: "Staticfile", Named: true, From: []string{"Staticfile"}, Site: site.Site{
				ForceHTTPS: true, Listing: true, Redirects: []site.Redirect{{From: site.Pattern{Path: "/*"}, To: "/index.html", Status: 200}},
				Headers: []site.Header{{For: site.Pattern{Path: "/*"}, Set: [][2]string{{"Strict-Transport-Security", "max-age=31536000"}}}},
			}, Warnings: []string{"Staticfile: ssi has no effect: headers are written to a file _headers, and redirects to _redirects."}}},
		"Railpack's":   {"Staticfile", "root: out\nindex_fallback: false\n", sitefiles.Said{Root: "out", RootFrom: "Staticfile", Named: true, From: []string{"Staticfile"}}},
		"an empty one": {"Staticfile", "", sitefiles.Said{From: []string{"Staticfile"}}},
		"a way out":    {"Staticfile", "root: ../../etc\n", sitefiles.Said{From: []string{"Staticfile"}}},
		"Netlify's": {"netlify.toml", "[build]\nbase = \"web\"\npublish = \"dist\"\ncommand = \"npm run build\"\n[[redirects]]\nfrom = \"/a/*\"\nto = \"/b/:splat\"\nforce = true\nquery = {id = \":id\"}\n" +
			"[[redirects]]\nfrom = \"/*\"\nto = \"/index.html\"\nstatus = 200\n[[redirects]]\nfrom = \"/api/*\"\nto = \"https://api.example/:splat\"\nstatus = 200\n[[redirects]]\nfrom = \"/de\"\nto = \"/\"\nconditions = {Country = [\"de\"]}\n" +
			"[[headers]]\nfor = \"/*\"\n[headers.values]\nX-Frame-Options = \"DENY\"\nB = \"\"\"\na,\nb\"\"\"\n",
			sitefiles.Said{Root: "web/dist", RootFrom: "netlify.toml", Named: true, From: []string{"netlify.toml"}, Site: site.Site{
				Redirects: []site.Redirect{{From: site.Pattern{Path: "/a/*"}, Query: map[string]string{"id": ":id"}, To: "/b/:splat", Status: 301, Force: true}, {From: site.Pattern{Path: "/*"}, To: "/index.html", Status: 200}},
				Headers:   []site.Header{{For: site.Pattern{Path: "/*"}, Set: [][2]string{{"B", "a, b"}, {"X-Frame-Options", "DENY"}}}},
			}, Warnings: []string{"netlify.toml: /api/*: requests are not passed on to https://api.example/:splat: let the page ask there itself, or a proxy in front of the image.",
				"netlify.toml: the redirect number 4 (/de) has a condition, which is not known here: it is passed over."}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			said, err := sitefiles.Find(app.App{FS: fstest.MapFS{c.file: {Data: []byte(c.text)}}}, "")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(said).To(Equal(c.want))
		})
	}
}

// Passwords beside a Staticfile are those of the site.
func TestPasswords(t *testing.T) {
	g := NewWithT(t)
	said, err := sitefiles.Find(app.App{FS: fstest.MapFS{"Staticfile": {}, "Staticfile.auth": {Data: []byte("bob:$apr1$x$y\n")}}}, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(said.Site.Passwords).To(Equal("bob:$apr1$x$y"))
	g.Expect(sitefiles.NotServed(".")).To(ContainElement("Staticfile.auth"))
}

func TestNotUnderstood(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"JSON":         {"static.json", "{\n  \"root\": ,\n}", "static.json:2:11: what is said of the site is not understood: invalid character ',' looking for beginning of value [site/not-understood]"},
		"another form": {"static.json", `{"routes": []}`, "static.json: what is said of the site is not understood: an object is expected [site/not-understood]"},
		"YAML":         {"Staticfile", "root: [", "Staticfile: what is said of the site is not understood: line 1: did not find expected node content [site/not-understood]"},
		"TOML":         {"netlify.toml", "[build]\npublish = dist\n", "netlify.toml:2: what is said of the site is not understood: toml: line 2 (last key \"build.publish\"): expected value but found \"dist\" instead [site/not-understood]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sitefiles.Find(app.App{FS: fstest.MapFS{c.file: {Data: []byte(c.text)}}}, "")
			NewWithT(t).Expect(err).To(MatchError(c.want))
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{`{"routes":{"/**":"x"}}`, "root: x", "[[redirects]]\nfrom=1", `{"headers":{"/":{"a":{}}}}`, "a: &a [*a]"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, name := range []string{"static.json", "Staticfile", "netlify.toml"} {
			_, _ = sitefiles.Find(app.App{FS: fstest.MapFS{name: {Data: []byte(text)}}}, "")
		}
	})
}
