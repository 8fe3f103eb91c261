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
			[]plan.Package{{Key: "@s/a@1.2.3", Name: "@s/a", Version: "1.2.3", Integrity: sum}},
			[]pnpm.Package{{Keys: []string{"@s/a@1.2.3"}, Name: "@s/a", Version: "1.2.3", Integrity: sum, URL: "https://registry.example/@s/a/-/1.2.3.tgz", Layout: pnpm.V10}},
			false,
		},
		"twice, for its peers": {
			[]plan.Package{{Key: "a@1.2.3(b@1.0.0)", Name: "a", Version: "1.2.3", Integrity: sum}, {Key: "a@1.2.3(b@2.0.0)(c@1.0.0)", Name: "a", Version: "1.2.3", Integrity: sum}},
			[]pnpm.Package{{Keys: []string{"a@1.2.3(b@1.0.0)", "a@1.2.3(b@2.0.0)(c@1.0.0)"}, Name: "a", Version: "1.2.3", Integrity: sum, URL: "https://registry.example/a/-/1.2.3.tgz", Layout: pnpm.V10}},
			false,
		},
		"at an address of its own": {
			[]plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum, Tarball: "https://elsewhere.example/a.tgz"}},
			[]pnpm.Package{{Keys: []string{"a@1.2.3"}, Name: "a", Version: "1.2.3", Integrity: sum, URL: "https://elsewhere.example/a.tgz", Layout: pnpm.V10}},
			false,
		},
		"an archive":                        {[]plan.Package{{Key: "a@https://x.example/a.tgz", Name: "a", Version: "1.2.3", Integrity: sum}}, nil, true},
		"a repository":                      {[]plan.Package{{Key: "a@https://codeload.github.com/u/a/tar.gz/0a", Name: "a", Version: "1.2.3"}}, nil, true},
		"a folder":                          {[]plan.Package{{Key: "a@file:a", Name: "a", Version: "1.2.3"}}, nil, true},
		"without a checksum":                {[]plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3"}}, nil, true},
		"a checksum of another length":      {[]plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: "sha1-" + strings.TrimPrefix(sum, "sha512-")}}, nil, true},
		"a checksum of another kind":        {[]plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: "md5-x"}}, nil, true},
		"several checksums":                 {[]plan.Package{{Key: "a@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum + " " + sum}}, nil, true},
		"a name that leads out of folders":  {[]plan.Package{{Key: "../a@1.2.3", Name: "../a", Version: "1.2.3", Integrity: sum}}, nil, true},
		"a version that leads out of them":  {[]plan.Package{{Key: "a@../1", Name: "a", Version: "../1", Integrity: sum}}, nil, true},
		"what the key says is another name": {[]plan.Package{{Key: "b@1.2.3", Name: "a", Version: "1.2.3", Integrity: sum}}, nil, true},
		"nothing":                           {nil, nil, false},
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
		"files":                       {prefetchtest.Archive(t, manifest, file("lib/index.js", "x"), entry("package/bin/a", "x", 0o755, tar.TypeReg)), []string{"package.json", "lib/index.js", "bin/a"}, false},
		"the same content twice":      {prefetchtest.Archive(t, manifest, file("a.js", "x"), file("b.js", "x")), []string{"package.json", "a.js", "b.js"}, false},
		"a file twice, as pnpm packs": {prefetchtest.Archive(t, manifest, file("./lib/x.js", "x"), file("lib/x.js", "y")), []string{"package.json", "lib/x.js"}, false},
		"a large file":                {prefetchtest.Archive(t, manifest, file("large", large)), []string{"package.json", "large"}, false},
		"another folder":              {prefetchtest.Archive(t, entry("a-1.0.0/package.json", manifest.Content, 0o644, tar.TypeReg)), []string{"package.json"}, false},
		"folders and symbolic links":  {prefetchtest.Archive(t, manifest, entry("package/lib/", "", 0o755, tar.TypeDir), entry("package/x", "/etc/passwd", 0o777, tar.TypeSymlink)), []string{"package.json"}, false},
		"of a repository":             {prefetchtest.Archive(t, entry("pax_global_header", "", 0, tar.TypeXGlobalHeader), manifest), []string{"package.json"}, false},
		"an install script":           {prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": {"postinstall": "node x"}}`)), []string{"package.json"}, true},
		"an empty install script":     {prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": {"install": ""}}`)), []string{"package.json"}, false},
		"a script of another case":    {prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "Scripts": {"install": "x"}}`)), []string{"package.json"}, false},
		"something to compile":        {prefetchtest.Archive(t, manifest, file("binding.gyp", "{}")), []string{"package.json", "binding.gyp"}, true},
		"hooks":                       {prefetchtest.Archive(t, manifest, file(".hooks/x", "")), []string{"package.json", ".hooks/x"}, true},
		"another name":                {prefetchtest.Archive(t, with(`{"name": "b", "version": "1.0.0"}`)), nil, false},
		"another version":             {prefetchtest.Archive(t, with(`{"name": "a", "version": "v1.0.0"}`)), nil, false},
		"no package.json":             {prefetchtest.Archive(t, file("index.js", "x")), nil, false},
		"a package.json of no object": {prefetchtest.Archive(t, with(`[]`)), nil, false},
		"scripts of no object":        {prefetchtest.Archive(t, with(`{"name": "a", "version": "1.0.0", "scripts": []}`)), nil, false},
		"a hard link":                 {prefetchtest.Archive(t, manifest, entry("package/x", "package/package.json", 0o644, tar.TypeLink)), nil, false},
		"a name that leads away":      {prefetchtest.Archive(t, manifest, file("../../x", "x")), nil, false},
		"a name that leads back":      {prefetchtest.Archive(t, manifest, file("x/../x", "x")), nil, false},
		"of this very folder":         {prefetchtest.Archive(t, entry("./package/package.json", manifest.Content, 0o644, tar.TypeReg)), nil, false},
		"a name of another system":    {prefetchtest.Archive(t, manifest, file(`lib\x`, "x")), nil, false},
		"a file next to the folder":   {prefetchtest.Archive(t, manifest, entry("x", "x", 0o644, tar.TypeReg)), nil, false},
		"damaged":                     {prefetchtest.Archive(t, manifest)[:60], nil, false},
		"broken off in a large file":  {prefetchtest.Archive(t, manifest, file("large", large))[:400], nil, false},
		"no archive":                  {[]byte("x"), nil, false},
		"nothing":                     {prefetchtest.Archive(t), nil, false},
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
		"pnpm 9":  {pnpm.V3, `{"linux-x64-node20": {"build/a.node": FILE, "added": FILE}}`},
		"pnpm 10": {pnpm.V10, `{"linux;x64;node20": {"added": {"build/a.node": FILE}, "deleted": ["x"]}}`},
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
