package staticsite_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/staticsite"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		files     []string
		text      string
		variables map[string]string
		// want is the folder and why; empty for no site.
		want string
	}{
		"a page":                        {files: []string{"index.html"}, want: "static files in .; index.html is there"},
		"a folder with a page":          {files: []string{"public/index.html", "index.html"}, want: "static files in public; public/index.html is there"},
		"a setting":                     {files: []string{"web/a.txt"}, variables: map[string]string{"BP_STATIC_DIR": "web"}, want: "static files in web; from BP_STATIC_DIR"},
		"a setting of Paketo's":         {files: []string{"web/a.txt"}, variables: map[string]string{"BP_WEB_SERVER_ROOT": "web"}, want: "static files in web; from BP_WEB_SERVER_ROOT"},
		"Heroku's file":                 {files: []string{"static.json", "dist/index.html", "index.html"}, text: `{"root":"dist"}`, want: "static files in dist; from static.json"},
		"an empty Staticfile":           {files: []string{"Staticfile", "a.html"}, want: "static files in .; from Staticfile"},
		"a Staticfile and public":       {files: []string{"Staticfile", "public/a.html"}, want: "static files in public; from Staticfile"},
		"Netlify's file":                {files: []string{"netlify.toml", "site/index.html"}, text: "[build]\npublish = \"site/\"\n", want: "static files in site; from netlify.toml"},
		"Netlify's file, of a function": {files: []string{"netlify.toml", "main.go"}},
		"one of several":                {files: []string{"web/index.html"}, variables: map[string]string{"BP_NODE_PROJECT_PATH": "web"}, want: "static files in web; index.html is there"},
		"a page of Python's":            {files: []string{"index.html", "requirements.txt"}},
		"a page of PHP's":               {files: []string{"public/index.html", "composer.json"}},
		"a page of Python's, asked for": {files: []string{"web/index.html", "requirements.txt"}, variables: map[string]string{"BP_STATIC_DIR": "web"}, want: "static files in web; from BP_STATIC_DIR"},
		"Jekyll's source":               {files: []string{"index.html", "_config.yml"}},
		"a page with front matter":      {files: []string{"index.html"}, text: "---\nlayout: default\n---\n"},
		"a page beside a server":        {files: []string{"index.html", "server.py"}},
		"Netlify's file, of Go":         {files: []string{"netlify.toml", "main.go", "public/index.html"}, text: "[build]\ncommand = \"go build\"\n"},
		"docsify":                       {files: []string{"index.html", "README.md", "_sidebar.md"}, want: "static files in .; index.html is there"},
		"nothing":                       {files: []string{"README.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			files := fstest.MapFS{}
			for i, file := range c.files {
				files[file] = &fstest.MapFile{}
				if i == 0 {
					files[file].Data = []byte(c.text)
				}
			}
			a := app.App{FS: files}
			s, err := settings.Table(nil).Read(a, func(name string) (string, bool) {
				value, found := c.variables[name]
				return value, found
			})
			g.Expect(err).NotTo(HaveOccurred())
			p, err := staticsite.Read(a, s)
			g.Expect(err).NotTo(HaveOccurred())
			if c.want == "" {
				g.Expect(p).To(BeNil())
				return
			}
			made, err := p.Plan(inventory.Catalog{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(made.Decisions[0].Value + "; " + made.Decisions[0].Origin).To(Equal(c.want))
		})
	}
}

// What a file names is served, or nothing: never the source in its place.
func TestFolderThatIsMissing(t *testing.T) {
	g := NewWithT(t)
	a := app.App{FS: fstest.MapFS{"netlify.toml": {Data: []byte("[build]\npublish = \"dist\"\n")}, "index.html": {}}}
	s, err := settings.Table(nil).Read(a, func(string) (string, bool) { return "", false })
	g.Expect(err).NotTo(HaveOccurred())
	p, err := staticsite.Read(a, s)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = p.Plan(inventory.Catalog{})
	g.Expect(err).To(MatchError("netlify.toml: there is no folder dist to serve: netlify.toml names it, and no build makes it: the application has no package.json [site/no-folder]"))
}

func TestNoFolder(t *testing.T) {
	g := NewWithT(t)
	a := app.App{FS: fstest.MapFS{"README.md": {}}}
	s, err := settings.Table(nil).Read(a, func(name string) (string, bool) { return "public", name == "BP_STATIC_DIR" })
	g.Expect(err).NotTo(HaveOccurred())
	p, err := staticsite.Read(a, s)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = p.Plan(inventory.Catalog{})
	g.Expect(err).To(MatchError("BP_STATIC_DIR: there is no folder public to serve: BP_STATIC_DIR names it, and no build makes it: the application has no package.json [site/no-folder]"))
}
