package pnpm_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/pnpm"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch/prefetchtest"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

func integrityOf(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func usual(name, version string) string {
	return "https://registry.example/" + name + "/-/" + version + ".tgz"
}

// What does not come from a registry, or is out of the ordinary, is left to pnpm.
func TestPackages(t *testing.T) {
	sum := integrityOf(nil)
	for name, c := range map[string]struct {
		all      []plan.Package
		expected []pnpm.Package
		others   bool
	}{
		"of the registry": {
			all:      []plan.Package{{Key: "@s/a@1.2.3", Name: "@s/a", Version: "1.2.3", Integrity: sum}},
			expected: []pnpm.Package{{Keys: []string{"@s/a@1.2.3"}, Name: "@s/a", Version: "1.2.3", Integrity: sum, URL: "https://registry.example/@s/a/-/1.2.3.tgz", Layout: pnpm.V10}},
			others:   false,
		},
		"twice, for its peers": {
			all:      []plan.Package{{Key: "a@1.2.3(b@1.0.0)", Name: "a", Version: "1.2.3", Integrity: sum}, {Key: "a@1.2.3(b@2.0.0)(c@1.0.0)", Name: "a", Version: "1.2.3", Integrity: sum}},
			expected: []pnpm.Package{{Keys: []string{"a@1.2.3(b@1.0.0)", "a@1.2.3(b@2.0.0)(c@1.0.0)"}, Name: "a", Version: "1.2.3", Integrity: sum, URL: "https://registry.example/a/-/1.2.3.tgz", Layout: pnpm.V10}},
			others:   false,
		},
		"at an address of its own": {
			all:      []plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum, Tarball: "https://elsewhere.example/a.tgz"}},
			expected: []pnpm.Package{{Keys: []string{"a@1.2.3"}, Name: "a", Version: "1.2.3", Integrity: sum, URL: "https://elsewhere.example/a.tgz", Layout: pnpm.V10}},
			others:   false,
		},
		"an archive":                        {all: []plan.Package{{Key: "a@https://x.example/a.tgz", Name: "a", Version: "1.2.3", Integrity: sum}}, expected: nil, others: true},
		"a repository":                      {all: []plan.Package{{Key: "a@https://codeload.github.com/u/a/tar.gz/0a", Name: "a", Version: "1.2.3"}}, expected: nil, others: true},
		"a folder":                          {all: []plan.Package{{Key: "a@file:a", Name: "a", Version: "1.2.3"}}, expected: nil, others: true},
		"without a checksum":                {all: []plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3"}}, expected: nil, others: true},
		"a checksum of another length":      {all: []plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: "sha1-" + strings.TrimPrefix(sum, "sha512-")}}, expected: nil, others: true},
		"a checksum of another kind":        {all: []plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: "md5-x"}}, expected: nil, others: true},
		"several checksums":                 {all: []plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum + " " + sum}}, expected: nil, others: true},
		"a name that leads out of folders":  {all: []plan.Package{{Key: "../a@1.2.3", Name: "../a", Version: "1.2.3", Integrity: sum}}, expected: nil, others: true},
		"a version that leads out of them":  {all: []plan.Package{{Key: "a@../1", Name: "a", Version: "../1", Integrity: sum}}, expected: nil, others: true},
		"what the key says is another name": {all: []plan.Package{{Key: "b@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum}}, expected: nil, others: true},
		"nothing":                           {all: nil, expected: nil, others: false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			list, others := pnpm.Packages(c.all, pnpm.V10, usual)
			g.Expect(list).To(Equal(c.expected))
			g.Expect(others).To(Equal(c.others))
		})
	}
}

// Whatever a lockfile says, a package's list is a file of the store.
func FuzzPackages(f *testing.F) {
	f.Add("a@1.2.3", "a", "1.2.3", integrityOf(nil))
	f.Add("@s/../a@1.2.3", "@s/../a", "1.2.3", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
	f.Fuzz(func(t *testing.T, key, name, version, integrity string) {
		for _, layout := range []pnpm.Layout{pnpm.V3, pnpm.V10} {
			list, _ := pnpm.Packages([]plan.Package{{Key: key, Name: name, Version: version, Integrity: integrity}}, layout, usual)
			for _, p := range list {
				place := pnpm.List(p)
				if folders := strings.Count(place, "/"); !filepath.IsLocal(place) || filepath.Clean(place) != place || folders != 3 {
					t.Errorf("the list is at %q", place)
				}
			}
		}
	})
}

func entry(name, content string, mode int64, kind byte) prefetchtest.Entry {
	return prefetchtest.Entry{Name: name, Content: content, Mode: mode, Kind: kind}
}

func packageOf(content []byte) pnpm.Package {
	return pnpm.Package{Name: "a", Version: "1.0.0", URL: usual("a", "1.0.0"), Integrity: integrityOf(content), Layout: pnpm.V10}
}

// fill puts one package into a store.
func fill(t *testing.T, p pnpm.Package, s prefetch.Store, content []byte) prefetch.Result {
	g := NewWithT(t)
	done, err := prefetch.Fill(t.Context(), []prefetch.Package{p}, s, func(_ context.Context, url, checksum, path string) (int64, error) {
		g.Expect(url).To(Equal(p.URL))
		g.Expect(checksum).To(Equal(p.Integrity))
		return 1, os.WriteFile(path, content, 0o644)
	})
	g.Expect(err).NotTo(HaveOccurred())
	return done
}

func TestFill(t *testing.T) {
	file := func(name, content string) prefetchtest.Entry {
		return entry("package/"+name, content, 0o644, tar.TypeReg)
	}
	manifest := file("package.json", `{"name": "a", "version": "1.0.0"}`)
	with := func(text string) prefetchtest.Entry { return file("package.json", text) }
	large := strings.Repeat("0123456789abcdef", 100_000)
	for name, c := range map[string]struct {
		content []byte
		// files are those of the list; nil where the package is left to pnpm.
		files         []string
		requiresBuild bool
	}{
		"files":                       {content: prefetchtest.Archive(t, manifest, file("lib/index.js", "x"), entry("package/bin/a", "x", 0o755, tar.TypeReg)), files: []string{"package.json", "lib/index.js", "bin/a"}, requiresBuild: false},
		"the same content twice":      {content: prefetchtest.Archive(t, manifest, file("a.js", "x"), file("b.js", "x")), files: []string{"package.json", "a.js", "b.js"}, requiresBuild: false},
		"a file twice, as pnpm packs": {content: prefetchtest.Archive(t, manifest, file("./lib/x.js", "x"), file("lib/x.js", "y")), files: []string{"package.json", "lib/x.js"}, requiresBuild: false},
		"a large file":                {content: prefetchtest.Archive(t, manifest, file("large", large)), files: []string{"package.json", "large"}, requiresBuild: false},
		"another folder":              {content: prefetchtest.Archive(t, entry("a-1.0.0/package.json", manifest.Content, 0o644, tar.TypeReg)), files: []string{"package.json"}, requiresBuild: false},
		"folders and symbolic links":  {content: prefetchtest.Archive(t, manifest, entry("package/lib/", "", 0o755, tar.TypeDir), entry("package/x", "/etc/passwd", 0o777, tar.TypeSymlink)), files: []string{"package.json"}, requiresBuild: false},
		"of a repository":             {content: prefetchtest.Archive(t, entry("pax_global_header", "", 0, tar.TypeXGlobalHeader), manifest), files: []string{"package.json"}, requiresBuild: false},
		"an install script":           {content: prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": {"postinstall": "node x"}}`)), files: []string{"package.json"}, requiresBuild: true},
		"an empty install script":     {content: prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": {"install": ""}}`)), files: []string{"package.json"}, requiresBuild: false},
		"a script of another case":    {content: prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "Scripts": {"install": "x"}}`)), files: []string{"package.json"}, requiresBuild: false},
		"something to compile":        {content: prefetchtest.Archive(t, manifest, file("binding.gyp", "{}")), files: []string{"package.json", "binding.gyp"}, requiresBuild: true},
		"hooks":                       {content: prefetchtest.Archive(t, manifest, file(".hooks/x", "")), files: []string{"package.json", ".hooks/x"}, requiresBuild: true},
		"another name":                {content: prefetchtest.Archive(t, with(`{"name": "b", "version": "1.0.0"}`)), files: nil, requiresBuild: false},
		"another version":             {content: prefetchtest.Archive(t, with(`{"name": "a", "version": "v1.0.0"}`)), files: nil, requiresBuild: false},
		"no package.json":             {content: prefetchtest.Archive(t, file("index.js", "x")), files: nil, requiresBuild: false},
		"a package.json of no object": {content: prefetchtest.Archive(t, with(`[]`)), files: nil, requiresBuild: false},
		"scripts of no object":        {content: prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": []}`)), files: nil, requiresBuild: false},
		"a hard link":                 {content: prefetchtest.Archive(t, manifest, entry("package/x", "package/package.json", 0o644, tar.TypeLink)), files: nil, requiresBuild: false},
		"a name that leads away":      {content: prefetchtest.Archive(t, manifest, file("../../x", "x")), files: nil, requiresBuild: false},
		"a name that leads back":      {content: prefetchtest.Archive(t, manifest, file("x/../x", "x")), files: nil, requiresBuild: false},
		"of this very folder":         {content: prefetchtest.Archive(t, entry("./package/package.json", manifest.Content, 0o644, tar.TypeReg)), files: nil, requiresBuild: false},
		"a name of another system":    {content: prefetchtest.Archive(t, manifest, file(`lib\x`, "x")), files: nil, requiresBuild: false},
		"a file next to the folder":   {content: prefetchtest.Archive(t, manifest, entry("x", "x", 0o644, tar.TypeReg)), files: nil, requiresBuild: false},
		"damaged":                     {content: prefetchtest.Archive(t, manifest)[:60], files: nil, requiresBuild: false},
		"broken off in a large file":  {content: prefetchtest.Archive(t, manifest, file("large", large))[:400], files: nil, requiresBuild: false},
		"no archive":                  {content: []byte("x"), files: nil, requiresBuild: false},
		"nothing":                     {content: prefetchtest.Archive(t), files: nil, requiresBuild: false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := prefetch.Store{Kept: t.TempDir(), Scratch: t.TempDir()}
			p := packageOf(c.content)
			done := fill(t, p, s, c.content)
			g.Expect(done.Fetched).To(Equal(1))
			left, err := os.ReadDir(s.Scratch)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(left).To(BeEmpty())
			text, err := os.ReadFile(filepath.Join(s.Kept, pnpm.List(p)))
			if c.files == nil {
				g.Expect(err).To(MatchError(fs.ErrNotExist))
				g.Expect(done.Left).To(Equal(1))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(done.Left).To(BeZero())
			var list struct {
				RequiresBuild bool
				Files         map[string]struct{ Integrity string }
			}
			g.Expect(json.Unmarshal(text, &list)).To(Succeed())
			g.Expect(list.RequiresBuild).To(Equal(c.requiresBuild))
			g.Expect(list.Files).To(HaveLen(len(c.files)))
			for _, file := range c.files {
				g.Expect(list.Files).To(HaveKey(file))
			}
			// It is not fetched again.
			g.Expect(fill(t, p, s, nil)).To(Equal(prefetch.Result{}))
		})
	}
}

func TestFaults(t *testing.T) {
	g := NewWithT(t)
	content := prefetchtest.Archive(t, entry("package/package.json", `{"name": "a", "version": "1.0.0"}`, 0o644, tar.TypeReg))
	p := packageOf(content)
	// A download that fails leaves the package to pnpm, which says why.
	s := prefetch.Store{Kept: t.TempDir(), Scratch: filepath.Join(t.TempDir(), "made")}
	done, err := prefetch.Fill(t.Context(), []prefetch.Package{p}, s, func(context.Context, string, string, string) (int64, error) { return 0, errors.New("no network") })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(Equal(prefetch.Result{Left: 1}))
	// A disk that fails ends the build.
	s.Kept = filepath.Join(t.TempDir(), "file")
	g.Expect(os.WriteFile(s.Kept, nil, 0o644)).To(Succeed())
	_, err = prefetch.Fill(t.Context(), []prefetch.Package{p}, s, func(_ context.Context, _, _, path string) (int64, error) {
		return 1, os.WriteFile(path, content, 0o644)
	})
	g.Expect(err).To(MatchError(ContainSubstring("[disk/write]")))
}

// What install scripts made stays with its package; a store that is not understood stays as it is.
func TestPrune(t *testing.T) {
	for name, c := range map[string]struct {
		layout  pnpm.Layout
		effects string
	}{
		"pnpm 9":  {layout: pnpm.V3, effects: `{"linux-x64-node20": {"build/a.node": FILE, "added": FILE}}`},
		"pnpm 10": {layout: pnpm.V10, effects: `{"linux;x64;node20": {"added": {"build/a.node": FILE}, "deleted": ["x"]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := prefetch.Store{Kept: t.TempDir(), Scratch: t.TempDir()}
			g.Expect(pnpm.Prune(nil, c.layout, s)).To(Succeed(), "there is nothing")
			var packages []pnpm.Package
			for _, script := range []string{"x", "y"} {
				content := prefetchtest.Archive(t, entry("package/package.json", `{"name": "a", "version": "1.0.0"}`, 0o644, tar.TypeReg), entry("package/"+script, script, 0o644, tar.TypeReg))
				p := packageOf(content)
				p.Layout = c.layout
				g.Expect(fill(t, p, s, content).Left).To(BeZero())
				packages = append(packages, p)
			}
			place := func(content, suffix string) string {
				sum := sha512.Sum512([]byte(content))
				return filepath.Join(s.Kept, string(c.layout), "files", hex.EncodeToString(sum[:1]), hex.EncodeToString(sum[1:])+suffix)
			}
			made := place("made", "-exec")
			g.Expect(os.MkdirAll(filepath.Dir(made), 0o755)).To(Succeed())
			g.Expect(os.WriteFile(made, []byte("made"), 0o755)).To(Succeed())
			list := filepath.Join(s.Kept, pnpm.List(packages[0]))
			text, err := os.ReadFile(list)
			g.Expect(err).NotTo(HaveOccurred())
			file := `{"checkedAt": 1, "integrity": "` + integrityOf([]byte("made")) + `", "mode": 493, "size": 4}`
			text = append(bytes.TrimSuffix(text, []byte("}")), `, "sideEffects": `+strings.ReplaceAll(c.effects, "FILE", file)+"}"...)
			g.Expect(os.WriteFile(list, text, 0o644)).To(Succeed())

			g.Expect(pnpm.Prune(packages[:1], c.layout, s)).To(Succeed())
			for _, kept := range []string{list, made, place("x", "")} {
				g.Expect(kept).To(BeAnExistingFile())
			}
			for _, gone := range []string{filepath.Join(s.Kept, pnpm.List(packages[1])), place("y", "")} {
				g.Expect(gone).NotTo(BeAnExistingFile())
			}
			g.Expect(os.WriteFile(list, []byte("damaged"), 0o644)).To(Succeed())
			g.Expect(pnpm.Prune(packages[:1], c.layout, s)).To(Succeed())
			g.Expect(made).To(BeAnExistingFile())
		})
	}
}
