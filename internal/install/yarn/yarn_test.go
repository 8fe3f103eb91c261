package yarn_test

import (
	"archive/tar"
	"context"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch/prefetchtest"
	"github.com/gantry-buildpack/gantry/internal/install/yarn"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

const sum = "1d0448679c0292d46310b260f26e5eff7344eca1"

// What is out of the ordinary is left to Yarn.
func TestArchives(t *testing.T) {
	for name, c := range map[string]struct {
		entry    string
		expected []yarn.Archive
	}{
		"of the registry": {
			entry:    "a@^1.0.0, a@^1.2.0:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#" + sum + "\"\n  integrity sha512-x\n  dependencies:\n    b \"1\"\n",
			expected: []yarn.Archive{{Key: "a@^1.0.0", Name: "a", Version: "1.2.3", URL: "https://registry.yarnpkg.com/a/-/a-1.2.3.tgz", SHA1: sum, Integrity: "sha512-x"}},
		},
		"of a scope": {
			entry:    "\"@s/a@1\":\r\n  version \"1.2.3\"\r\n  resolved \"https://npm.example/@s%2fa/-/a-1.2.3.tgz#" + sum + "\"\r\n",
			expected: []yarn.Archive{{Key: "@s/a@1", Name: "@s/a", Version: "1.2.3", URL: "https://npm.example/@s%2fa/-/a-1.2.3.tgz", SHA1: sum}},
		},
		"without a checksum":    {entry: "a@1:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz\"\n", expected: nil},
		"a damaged checksum":    {entry: "a@1:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#../..\"\n  integrity sha512-x\n", expected: nil},
		"an alias":              {entry: "\"a@npm:b@1\":\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/b/-/b-1.2.3.tgz#" + sum + "\"\n", expected: nil},
		"two names":             {entry: "a@1, b@1:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/b/-/b-1.2.3.tgz#" + sum + "\"\n", expected: nil},
		"a repository":          {entry: "a@u/a:\n  version \"1.2.3\"\n  resolved \"https://codeload.github.com/u/a/tar.gz/" + sum + "\"\n", expected: nil},
		"an address":            {entry: "\"a@https://x.example/a/-/a.tgz\":\n  version \"1.2.3\"\n  resolved \"https://x.example/a/-/a.tgz#" + sum + "\"\n", expected: nil},
		"a folder":              {entry: "\"a@file:./a\":\n  version \"1.2.3\"\n", expected: nil},
		"archives in a mirror":  {entry: "a@1:\n  version \"1.2.3\"\n  resolved a-1.2.3.tgz#" + sum + "\n", expected: nil},
		"a unique identifier":   {entry: "a@1:\n  version \"1.2.3\"\n  uid x\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#" + sum + "\"\n", expected: nil},
		"without a version":     {entry: "a@1:\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#" + sum + "\"\n", expected: nil},
		"names only a registry": {entry: "a@1:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/#" + sum + "\"\n", expected: nil},
		"leads out of a folder": {entry: "\"../../a@1\":\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#" + sum + "\"\n", expected: nil},
		"nothing":               {entry: "", expected: nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			list, others := yarn.Archives([]byte("# yarn lockfile v1\n\n" + c.entry))
			g.Expect(list).To(Equal(c.expected))
			g.Expect(others).To(Equal(c.expected == nil && c.entry != ""))
		})
	}
}

// Whatever a lockfile says, nothing is written outside Yarn's cache and its mirror.
func FuzzArchives(f *testing.F) {
	f.Add([]byte("a@^1.0.0:\n  version \"1.2.3\"\n  resolved \"https://registry.yarnpkg.com/a/-/a-1.2.3.tgz#" + sum + "\"\n  integrity sha512-x\n"))
	f.Add([]byte("\"@s/../a@1\":\n  version \"../../..\"\n  resolved \"https://npm.example/@..%2f..%2fa/-/..#" + sum + "\"\n"))
	f.Add(berry("\"a@npm:1\":\n  version: 1.0.0\n  resolution: \"@s/../a@npm:1.0.0\"\n  checksum: 10c0/" + strings.Repeat("0a", 64) + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var places []string
		list, _ := yarn.Archives(text)
		for _, a := range list {
			places = append(places, yarn.Places(a)...)
		}
		for _, l := range yarn.Locators(text, "", lockfile.Platform{}) {
			places = append(places, yarn.Place(l))
		}
		for _, name := range places {
			if !filepath.IsLocal(name) || name == "." {
				t.Errorf("a package is at %q", name)
			}
		}
	})
}

func berry(entry string) []byte {
	return []byte("__metadata:\n  version: 9\n  cacheKey: 10c0\n\n" + entry)
}

// Two packages whose archives Yarn calls the same would be fetched into one file.
func TestArchivesOfOneName(t *testing.T) {
	g := NewWithT(t)
	entry := func(name, url string) string {
		return "\"" + name + "@1\":\n  version \"1.0.0\"\n  resolved \"https://registry.yarnpkg.com/" + url + "-1.0.0.tgz\"\n  integrity sha512-x\n\n"
	}
	list, others := yarn.Archives([]byte(entry("@a/b-c", "@a/b-c/-/b-c") + entry("@a-b/c", "@a-b/c/-/c")))
	g.Expect(list).To(HaveLen(1))
	g.Expect(others).To(BeTrue())
	twice := "  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  checksum: 10c0/" + strings.Repeat("0a", 64) + "\n"
	g.Expect(yarn.Locators(berry("\"a@npm:1\":\n"+twice+"\"a@npm:^1\":\n"+twice), "", lockfile.Platform{})).To(HaveLen(1))
}

// Of later Yarns, only packages of the registry are taken, for this platform, in archives that are not compressed.
func TestLocators(t *testing.T) {
	digest := strings.Repeat("0a", 64)
	plain := "\"@s/a@npm:^1.0.0\":\n  version: 1.2.3\n  resolution: \"@s/a@npm:1.2.3\"\n  checksum: 10c0/" + digest + "\n  languageName: node\n  linkType: hard\n"
	expected := []yarn.Locator{{Name: "@s/a", Version: "1.2.3", URL: "https://registry.example/npm/@s/a/-/a-1.2.3.tgz", SHA512: digest}}
	for name, c := range map[string]struct {
		entry    string
		expected []yarn.Locator
	}{
		"of the registry":        {entry: plain, expected: expected},
		"for this platform":      {entry: plain + "  conditions: os=linux & cpu=x64 & libc=glibc\n", expected: expected},
		"for another platform":   {entry: plain + "  conditions: os=darwin\n", expected: nil},
		"compressed":             {entry: strings.ReplaceAll(plain, "10c0/", "10/"), expected: nil},
		"of an older Yarn":       {entry: strings.ReplaceAll(plain, "10c0/", ""), expected: nil},
		"without a checksum":     {entry: strings.ReplaceAll(plain, "  checksum: 10c0/"+digest+"\n", ""), expected: nil},
		"a damaged checksum":     {entry: strings.ReplaceAll(plain, digest, "../.."), expected: nil},
		"from another address":   {entry: strings.ReplaceAll(plain, "npm:1.2.3", "npm:1.2.3::__archiveUrl=https%3A%2F%2Fx.example"), expected: nil},
		"a patch":                {entry: strings.ReplaceAll(plain, "npm:1.2.3", "patch:@s/a@npm%3A1.2.3#x"), expected: nil},
		"a workspace":            {entry: strings.ReplaceAll(plain, "npm:1.2.3", "workspace:a"), expected: nil},
		"with build metadata":    {entry: strings.ReplaceAll(plain, "1.2.3", "1.2.3+x"), expected: nil},
		"leads out of a folder":  {entry: strings.ReplaceAll(plain, "@s/a@npm:1.2.3", "../a@npm:1.2.3"), expected: nil},
		"what is not understood": {entry: "{", expected: nil},
	} {
		t.Run(name, func(t *testing.T) {
			on := lockfile.Platform{OS: "linux", CPU: "x64", Libc: "glibc"}
			NewWithT(t).Expect(yarn.Locators(berry(c.entry), "https://registry.example/npm/", on)).To(Equal(c.expected))
		})
	}
}

// What a lockfile does not name any more is removed; what is not of a registry is kept.
func TestPruneArchives(t *testing.T) {
	g := NewWithT(t)
	s := prefetch.Store{Kept: t.TempDir()}
	g.Expect(yarn.PruneArchives(berry(""), s)).To(Succeed(), "there is nothing")
	cache := filepath.Join(s.Kept, "cache")
	g.Expect(os.Mkdir(cache, 0o755)).To(Succeed())
	needed := yarn.Place(yarn.Locator{Name: "@s/a", Version: "1.2.3"})
	for _, name := range []string{needed, "@s-a-npm-1.2.2-0123456789-10c0.zip", "a-patch-0123456789-10c0.zip", ".gitignore"} {
		g.Expect(os.WriteFile(filepath.Join(cache, name), nil, 0o644)).To(Succeed())
	}
	g.Expect(yarn.PruneArchives(berry("\"@s/a@npm:^1.0.0\":\n  version: 1.2.3\n  resolution: \"@s/a@npm:1.2.3\"\n"), s)).To(Succeed())
	g.Expect(filepath.Glob(filepath.Join(cache, "*"))).To(ConsistOf(filepath.Join(cache, needed), filepath.Join(cache, "a-patch-0123456789-10c0.zip"), filepath.Join(cache, ".gitignore")))
}

// An archive that is not as the lockfile says is none.
func TestArchivesThatDiffer(t *testing.T) {
	g := NewWithT(t)
	manifest := file{"package.json", "{}", 0o644, tar.TypeReg}
	for name, content := range map[string][]byte{
		"another": archiveOf(t, manifest), "linked": archiveOf(t, manifest, file{"x", "/etc/passwd", 0o777, tar.TypeSymlink}),
		"damaged": archiveOf(t, manifest)[:40], "no archive": []byte("x"), "nothing": archiveOf(t),
	} {
		kept := t.TempDir()
		download := func(_ context.Context, _, _, path string) (int64, error) {
			return 1, os.WriteFile(path, content, 0o644)
		}
		l := yarn.Locator{Name: "a", Version: "1.0.0", URL: "https://registry.example/a/-/a-1.0.0.tgz", SHA512: strings.Repeat("0a", 64)}
		done, err := prefetch.Fill(t.Context(), []prefetch.Package{l}, prefetch.Store{Kept: kept}, download)
		g.Expect(err).NotTo(HaveOccurred(), name)
		g.Expect(done).To(Equal(prefetch.Result{Fetched: 1, Bytes: 1, Left: 1}), name)
		left, err := os.ReadDir(filepath.Join(kept, "cache"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(left).To(BeEmpty(), name)
	}
}

// file is an entry of an archive.
type file struct {
	name, content string
	mode          int64
	kind          byte
}

func archiveOf(t *testing.T, files ...file) []byte {
	var entries []prefetchtest.Entry
	for _, f := range files {
		entries = append(entries, prefetchtest.Entry{Name: "package/" + f.name, Content: f.content, Mode: f.mode, Kind: f.kind})
	}
	return prefetchtest.Archive(t, entries...)
}

func TestFill(t *testing.T) {
	g := NewWithT(t)
	manifest := file{"package.json", `{"bin": {"a": "cli.js", "gone": "gone.js"}}`, 0o600, tar.TypeReg}
	packages := map[string][]byte{
		"good":     archiveOf(t, manifest, file{"cli.js", "x", 0o644, tar.TypeReg}, file{".gitignore", "y", 0o644, tar.TypeReg}, file{"empty/", "", 0o755, tar.TypeDir}),
		"linked":   archiveOf(t, manifest, file{"cli.js", "/etc/passwd", 0o777, tar.TypeSymlink}),
		"twice":    archiveOf(t, manifest, manifest),
		"folder":   archiveOf(t, file{"package.json", `{"directories": {"bin": "bin"}}`, 0o644, tar.TypeReg}),
		"leads":    archiveOf(t, file{"package.json", `{"bin": "../../../x"}`, 0o644, tar.TypeReg}),
		"nothing":  archiveOf(t, file{"cli.js", "x", 0o644, tar.TypeReg}),
		"no-tar":   []byte("not an archive"),
		"damaged":  archiveOf(t, manifest)[:60],
		"escaping": archiveOf(t, manifest, file{"../../x", "x", 0o644, tar.TypeReg}),
	}
	var list []yarn.Archive
	for name, content := range packages {
		first, long := sha1.Sum(content), sha512.Sum512(content)
		list = append(list, yarn.Archive{
			Name: name, Version: "1.0.0", URL: "https://registry.example/" + name + "/-/" + name + "-1.0.0.tgz",
			SHA1: hex.EncodeToString(first[:]), Integrity: "sha512-" + base64.StdEncoding.EncodeToString(long[:]),
		})
	}
	mirror, cache := t.TempDir(), t.TempDir()
	downloads := 0
	download := func(_ context.Context, url, checksum, path string) (int64, error) {
		downloads++
		g.Expect(checksum).To(HavePrefix("sha512-"))
		return 1, os.WriteFile(path, packages[strings.Split(url, "/")[3]], 0o644)
	}
	for _, a := range list {
		// One by one: the test's download counts.
		done, err := prefetch.Fill(t.Context(), []prefetch.Package{a}, prefetch.Store{Kept: mirror, Scratch: cache}, download)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(done.Left == 0).To(Equal(a.Name == "good"), a.Name)
		g.Expect(done.Fetched).To(Equal(1))
		place := filepath.Join(cache, yarn.Places(a)[0])
		if a.Name != "good" {
			g.Expect(place).NotTo(BeAnExistingFile())
			continue
		}
		for name, mode := range map[string]os.FileMode{"cli.js": 0o755, "package.json": 0o644, ".gitignore": 0o644, "empty": os.ModeDir | 0o755} {
			info, err := os.Stat(filepath.Join(place, name))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(info.Mode()).To(Equal(mode), name)
		}
	}
	g.Expect(downloads).To(Equal(len(packages)))

	// What is in the mirror is not fetched again, unless it is damaged.
	good := list[:0:0]
	for _, a := range list {
		if a.Name == "good" {
			good = append(good, a)
		}
	}
	done, err := prefetch.Fill(t.Context(), prefetchtest.Packages(good), prefetch.Store{Kept: mirror, Scratch: t.TempDir()}, download)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(Equal(prefetch.Result{}))
	archive := filepath.Join(mirror, "good-1.0.0.tgz")
	g.Expect(os.WriteFile(archive, []byte("damaged"), 0o644)).To(Succeed())
	done, err = prefetch.Fill(t.Context(), prefetchtest.Packages(good), prefetch.Store{Kept: mirror, Scratch: t.TempDir()}, download)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(Equal(prefetch.Result{Fetched: 1, Bytes: 1}))

	// What no lockfile names any more is removed.
	g.Expect(yarn.Prune(good, prefetch.Store{Kept: mirror})).To(Succeed())
	left, err := os.ReadDir(mirror)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(HaveLen(1))

	// A download that fails leaves the rest to Yarn, which says why.
	failing := func(context.Context, string, string, string) (int64, error) { return 0, errors.New("no network") }
	done, err = prefetch.Fill(t.Context(), prefetchtest.Packages(list), prefetch.Store{Kept: t.TempDir(), Scratch: t.TempDir()}, failing)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(Equal(prefetch.Result{Left: len(list)}))

	// One host that fails is no reason to leave another's to Yarn; and what old lockfiles name by http comes by https.
	elsewhere := good[0]
	elsewhere.URL = "http://registry.npmjs.org/good/-/good-1.0.0.tgz"
	var asked []string
	others := slices.DeleteFunc(slices.Clone(list), func(a yarn.Archive) bool { return a.Name == "good" })
	done, err = prefetch.Fill(t.Context(), append(prefetchtest.Packages(others), elsewhere), prefetch.Store{Kept: t.TempDir(), Scratch: t.TempDir()}, func(ctx context.Context, url, checksum, path string) (int64, error) {
		if strings.Contains(url, "registry.example") {
			return 0, errors.New("no such host")
		}
		asked = append(asked, url)
		return 1, os.WriteFile(path, packages["good"], 0o644)
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(done).To(Equal(prefetch.Result{Fetched: 1, Bytes: 1, Left: len(others)}))
	g.Expect(asked).To(Equal([]string{"https://registry.npmjs.org/good/-/good-1.0.0.tgz"}))

	// A disk that fails ends the build.
	g.Expect(os.WriteFile(filepath.Join(cache, "v6-is-a-file"), nil, 0o644)).To(Succeed())
	_, err = prefetch.Fill(t.Context(), prefetchtest.Packages(good), prefetch.Store{Kept: mirror, Scratch: filepath.Join(cache, "v6-is-a-file")}, download)
	g.Expect(err).To(MatchError(ContainSubstring("[disk/write]")))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = prefetch.Fill(stopped, prefetchtest.Packages(good), prefetch.Store{Kept: t.TempDir(), Scratch: t.TempDir()}, failing)
	g.Expect(err).To(MatchError(context.Canceled))
}
