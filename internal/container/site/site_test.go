package site_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/site"
)

func TestPatterns(t *testing.T) {
	for name, c := range map[string]struct {
		pattern site.Pattern
		host    string
		path    string
		parts   map[string]string
		ok      bool
	}{
		"the path":              {pattern: site.Address("/about"), path: "/about", ok: true},
		"with a slash":          {pattern: site.Address("/about/"), path: "/about", ok: true},
		"another":               {pattern: site.Address("/about"), path: "/about/us"},
		"all below":             {pattern: site.Address("/news/*"), path: "/news/2024/a", parts: map[string]string{"splat": "2024/a"}, ok: true},
		"the folder itself":     {pattern: site.Address("/news/*"), path: "/news", ok: true},
		"a name that goes on":   {pattern: site.Address("/news/*"), path: "/newsletter"},
		"everything":            {pattern: site.Address("/*"), path: "/a/b", parts: map[string]string{"splat": "a/b"}, ok: true},
		"parts":                 {pattern: site.Address("/:year/:month/:slug"), path: "/2024/05/hello.world", parts: map[string]string{"year": "2024", "month": "05", "slug": "hello.world"}, ok: true},
		"parts and a rest":      {pattern: site.Address("/u/:id/*"), path: "/u/7/a/b", parts: map[string]string{"id": "7", "splat": "a/b"}, ok: true},
		"a part that is empty":  {pattern: site.Address("/u/:id"), path: "/u/"},
		"signs":                 {pattern: site.Address("/a.b+c(d)"), path: "/a.b+c(d)", ok: true},
		"a host":                {pattern: site.Address("https://old.example/*"), host: "OLD.example", path: "/x", parts: map[string]string{"splat": "x"}, ok: true},
		"another host":          {pattern: site.Address("https://old.example/*"), host: "new.example", path: "/x"},
		"a glob":                {pattern: site.Pattern{Path: "/assets/**", Glob: true}, path: "/assets/a/b.js", ok: true},
		"a glob of names":       {pattern: site.Pattern{Path: "/*.html", Glob: true}, path: "/a.html", ok: true},
		"a glob of names, deep": {pattern: site.Pattern{Path: "/*.html", Glob: true}, path: "/a/b.html"},
		"a glob in the middle":  {pattern: site.Pattern{Path: "/a/**/x", Glob: true}, path: "/a/b/c/x", ok: true},
		"a name twice":          {pattern: site.Address("/:a/:a"), path: "/x/y", parts: map[string]string{"a": "x"}, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			parts, ok := c.pattern.Compile()(c.host, c.path)
			g.Expect(ok).To(Equal(c.ok))
			for key, value := range c.parts {
				g.Expect(parts).To(HaveKeyWithValue(key, value))
			}
		})
	}
	NewWithT(t).Expect(site.Fill("/b/:splat?id=:id&c=:other", map[string]string{"splat": "x/y", "id": "7"})).To(Equal("/b/x/y?id=7&c=:other"))
}

func TestParseRedirects(t *testing.T) {
	g := NewWithT(t)
	list, warnings := site.ParseRedirects("# old places\n/home              /\n/blog/*  /news/:splat  302 # moved\n/app/* /index.html 200\n/store id=:id  /shop/:id  301!\n" +
		"/secret 404\n/gone /gone.html 410\nhttps://old.example/* https://new.example/:splat 308\n\n" +
		"/api/* https://api.example/:splat 200\n/de / 302 Country=de\n/x\n/y /z 299\n/v w\n/q /r abc\n")
	g.Expect(list).To(Equal([]site.Redirect{
		{From: site.Pattern{Path: "/home"}, To: "/", Status: 301},
		{From: site.Pattern{Path: "/blog/*"}, To: "/news/:splat", Status: 302},
		{From: site.Pattern{Path: "/app/*"}, To: "/index.html", Status: 200},
		{From: site.Pattern{Path: "/store"}, Query: map[string]string{"id": ":id"}, To: "/shop/:id", Status: 301, Force: true},
		{From: site.Pattern{Path: "/secret"}, Status: 404},
		{From: site.Pattern{Path: "/gone"}, To: "/gone.html", Status: 410},
		{From: site.Pattern{Path: "/*", Host: "old.example", Scheme: "https"}, To: "https://new.example/:splat", Status: 308},
	}))
	g.Expect(warnings).To(Equal([]string{
		"_redirects:10: requests are not passed on to https://api.example/:splat: let the page ask there itself, or a proxy in front of the image",
		`_redirects:11: the condition "Country=de" is not known here: it is passed over`,
		"_redirects:12: it has no target",
		"_redirects:13: the status 299 is none of 200 301 302 303 307 308 404 410",
		`_redirects:14: the target "w" begins neither with / nor with a scheme`,
		`_redirects:15: "abc" is no status`,
	}))
}

func TestParseHeaders(t *testing.T) {
	g := NewWithT(t)
	list, warnings := site.ParseHeaders("# all\n/*\n  X-Frame-Options: DENY\n\tContent-Security-Policy: default-src 'self'; img-src *\n  ! Referrer-Policy\n\nhttps://a.example/x\n  A: b\n  no header\nassets/*\n  C: d\n")
	g.Expect(list).To(Equal([]site.Header{
		{For: site.Pattern{Path: "/*"}, Set: [][2]string{{"X-Frame-Options", "DENY"}, {"Content-Security-Policy", "default-src 'self'; img-src *"}}, Remove: []string{"Referrer-Policy"}},
		{For: site.Pattern{Path: "/x", Host: "a.example", Scheme: "https"}, Set: [][2]string{{"A", "b"}}},
	}))
	g.Expect(warnings).To(Equal([]string{
		"_headers:9: it is no header, which is written as Name: value",
		"_headers:10: a path begins with /, and the headers of one have a space before them",
		"_headers:11: there is no path above it",
	}))
}

func FuzzSite(f *testing.F) {
	for _, seed := range []string{"/* / 301", "/:a/:b/* /:b 200!", "/(?P<x> /y", "/a a=b /c", "https:// / 301", "/x\n ! y\n Z: \x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		redirects, _ := site.ParseRedirects(text)
		for _, r := range redirects {
			r.From.Compile()("h", "/a/b")
		}
		headers, _ := site.ParseHeaders(text)
		for _, h := range headers {
			h.For.Compile()("h", "/a/b")
		}
	})
}
