package resolve_test

import (
	"testing"
	"testing/fstest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Files with secrets are in no image, but for those that a process reads, and those that somebody wants there.
func TestFilesWithSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		keep  string
		want  []string
	}{
		"Node.js":            {files: map[string]string{"package.json": `{"scripts":{"start":"node a.js"}}`, ".gitignore": ".env\n", ".env": "A=1", ".env.production": "A=1"}, want: []string{".env"}},
		"a process reads it": {files: map[string]string{"package.json": `{}`, "Procfile": "web: node --env-file=.env a.js\n", ".gitignore": ".env\n", ".env": "A=1"}},
		"somebody wants it":  {files: map[string]string{"package.json": `{"scripts":{"start":"node a.js"}}`, ".gitignore": "*.pem\n", "certs/ca.pem": "A"}, keep: "certs/*.pem"},
		"Ruby": {files: map[string]string{"Gemfile": "gem 'puma'", "config.ru": "", ".env": "A=1", ".env.example": "A=1", "config/credentials/staging.key": "k"},
			want: []string{".env", "config/credentials/staging.key"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			files := fstest.MapFS{"a.js": {}}
			for name, text := range c.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			lookup := func(name string) (string, bool) { return c.keep, name == "BP_KEEP_FILES" && c.keep != "" }
			resolved, err := resolve.Plan(app.App{FS: files}, resolve.Given{Lookup: lookup}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Now())
			g.Expect(err).NotTo(HaveOccurred())
			for name := range c.files {
				left := ContainElement(name)
				if name == ".gitignore" {
					continue
				}
				warned := ContainElement(HavePrefix(name + " "))
				if wanted, _ := ContainElement(name).Match(c.want); wanted {
					g.Expect(resolved.Image.Source.Remove).To(left)
					g.Expect(resolved.Warnings).To(warned)
				} else {
					g.Expect(resolved.Image.Source.Remove).NotTo(left)
					g.Expect(resolved.Warnings).NotTo(warned)
				}
			}
		})
	}
}
