package audit

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// entry is a file of a layer.
type entry struct {
	mode    int64
	content string
	folder  bool
}

func layerOf(t *testing.T, files map[string]entry) v1.Layer {
	var text bytes.Buffer
	archive := tar.NewWriter(&text)
	for name, e := range files {
		header := &tar.Header{Name: name, Mode: e.mode, Size: int64(len(e.content))}
		if e.folder {
			header.Typeflag = tar.TypeDir
		}
		NewWithT(t).Expect(archive.WriteHeader(header)).To(Succeed())
		_, _ = archive.Write([]byte(e.content))
	}
	NewWithT(t).Expect(archive.Close()).To(Succeed())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil })
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return layer
}

func imageOf(t *testing.T, config v1.Config, layers ...map[string]entry) v1.Image {
	image := v1.Image(empty.Image)
	for _, files := range layers {
		var err error
		image, err = mutate.AppendLayers(image, layerOf(t, files))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
	}
	image, err := mutate.Config(image, config)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return image
}

const bill = `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
	"metadata": {"component": {"bom-ref": "application", "type": "application", "name": "shop"}},
	"components": [
		{"bom-ref": "runtime", "type": "platform", "name": "node", "version": "NODE", "purl": "pkg:generic/node@NODE"},
		{"bom-ref": "a", "type": "library", "name": "express", "version": "4.17.1", "purl": "pkg:npm/express@4.17.1"},
		{"bom-ref": "b", "type": "library", "name": "qs", "version": "6.7.0", "purl": "pkg:npm/qs@6.7.0"},
		{"bom-ref": "c", "type": "library", "group": "@scope", "name": "lib", "version": "1.0.0", "purl": "pkg:npm/%40scope/lib@1.0.0"},
		{"bom-ref": "d", "type": "library", "name": "rack", "version": "2.2.3.1", "purl": "pkg:gem/rack@2.2.3.1"}],
	"dependencies": [{"ref": "application", "dependsOn": ["a", "d"]}, {"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": ["c"]}]}`

const status = "Package: libssl3\nStatus: install ok installed\nSource: openssl (3.0.11-1~deb12u1)\nVersion: 3.0.11-1~deb12u1\nDescription: x\n two: lines\n\nPackage: dash\nStatus: install ok installed\nVersion: 0.5.12-2\n"

func lists(node string) map[string]entry {
	return map[string]entry{
		"layers/sbom/launch/gantry_app/sbom.cdx.json": {mode: 0o644, content: strings.ReplaceAll(bill, "NODE", node)},
		"var/lib/dpkg/status":                         {mode: 0o644, content: status},
		"etc/os-release":                              {mode: 0o644, content: "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n"},
	}
}

// feed is of OSV's form; each advisory is about one package.
const feed = `[
	{"id": "GHSA-1", "summary": "qs hangs", "database_specific": {"severity": "HIGH"}, "references": [{"type": "ADVISORY", "url": "https://example.com/1"}],
	 "affected": [{"package": {"ecosystem": "npm", "name": "qs"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "6.7.0"}, {"fixed": "6.7.3"}, {"introduced": "6.8.0"}, {"fixed": "6.8.3"}]}]}]},
	{"id": "GHSA-2", "summary": "withdrawn", "withdrawn": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "express"}, "versions": ["4.17.1"]}]},
	{"id": "GHSA-3", "summary": "scoped", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], "affected": [{"package": {"ecosystem": "npm", "name": "@scope/lib"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]},
	{"id": "GHSA-4", "summary": "another version", "affected": [{"package": {"ecosystem": "npm", "name": "express"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "5.0.0"}]}]}]},
	{"id": "GHSA-5", "summary": "rack", "database_specific": {"severity": "MODERATE"}, "affected": [{"package": {"ecosystem": "RubyGems", "name": "rack"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.2.6.1"}]}]}]},
	{"id": "DSA-6", "aliases": ["CVE-6"], "details": "openssl\nmore", "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.13-1~deb12u1"}]}]}]},
	{"id": "CVE-6", "details": "the same", "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]},
	{"id": "DSA-7", "affected": [{"package": {"ecosystem": "Debian:11", "name": "dash"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}
]`

func write(t *testing.T, name, content string) string {
	file := filepath.Join(t.TempDir(), name)
	NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	return file
}

var now = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)

func run(t *testing.T, o Options) (string, int, error) {
	var out bytes.Buffer
	o.Out, o.Now = &out, now
	if o.Level == "" {
		o.Level = Low
	}
	code, err := Run(t.Context(), o)
	return out.String(), code, err
}

// What people read: what was looked at, from the worst on, what leads to it, what mends it.
func TestFindings(t *testing.T) {
	g := NewWithT(t)
	out, code, err := run(t, Options{Name: "shop", Image: imageOf(t, v1.Config{}, lists("18.20.8")), Feeds: []string{write(t, "feed.json", feed)}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(Found))
	g.Expect(out).To(Equal(`shop
  Looked at    2 packages of Debian:12, 1 package of RubyGems, 3 packages of npm
  Advisories   feed.json

  Critical     @scope/lib 1.0.0: scoped
               through express > qs
               GHSA-3  https://osv.dev/vulnerability/GHSA-3

  High         Node.js 18.20.8 gets no security fixes since 2025-04-30
               move to a newer line, and build again

  High         qs 6.7.0: qs hangs
               through express
               fixed in 6.7.3
               GHSA-1  https://example.com/1

  Moderate     rack 2.2.3.1: rack
               fixed in 2.2.6.1
               GHSA-5  https://osv.dev/vulnerability/GHSA-5

  Unrated      libssl3 3.0.11-1~deb12u1: openssl
               fixed in 3.0.13-1~deb12u1
               DSA-6  https://osv.dev/vulnerability/DSA-6

Found: 1 critical, 2 high, 1 moderate, 1 unrated.
`))
}

func TestExitCodes(t *testing.T) {
	feedFile := write(t, "feed.json", feed)
	for name, c := range map[string]struct {
		o    Options
		code int
		says string
	}{
		"found":             {Options{Feeds: []string{feedFile}}, Found, "Found: 1 critical, 1 high, 1 moderate, 1 unrated.\n"},
		"below the level":   {Options{Feeds: []string{feedFile}, Level: Critical, Ignore: []string{"GHSA-3"}}, Clean, "Found: 1 high, 1 moderate, 1 unrated. 1 ignored. None of them is critical or worse.\n"},
		"an alias ignored":  {Options{Feeds: []string{feedFile}, Ignore: []string{"CVE-6"}}, Found, "2 ignored."},
		"nothing asked":     {Options{}, CannotSay, "No advisories were looked up for Debian:12, RubyGems, npm: give a feed with --advisories.\nNothing was found in what was looked at.\n"},
		"only npm is known": {Options{Feeds: []string{write(t, "npm.json", `{"vulns": [{"id": "X", "affected": [{"package": {"ecosystem": "npm", "name": "none"}}]}]}`)}}, CannotSay, "No advisories were looked up for Debian:12, RubyGems: "},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c.o.Name, c.o.Image = "shop", imageOf(t, v1.Config{}, lists("24.22.3"))
			out, code, err := run(t, c.o)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(ContainSubstring(c.says))
			g.Expect(code).To(Equal(c.code), out)
		})
	}
}

// Feeds are files, folders, archives and addresses; one that cannot be read is an error.
func TestFeeds(t *testing.T) {
	var archive bytes.Buffer
	zipped := zip.NewWriter(&archive)
	one, _ := zipped.Create("GHSA-1.json")
	_, _ = one.Write([]byte(`{"id": "GHSA-1", "affected": [{"package": {"ecosystem": "npm", "name": "qs"}, "versions": ["6.7.0"]}]}`))
	_ = zipped.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/npm/all.zip" {
			_, _ = w.Write(archive.Bytes())
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	NewWithT(t).Expect(os.WriteFile(filepath.Join(folder, "all.zip"), archive.Bytes(), 0o644)).To(Succeed())
	NewWithT(t).Expect(os.WriteFile(filepath.Join(folder, "README"), []byte("no feed"), 0o644)).To(Succeed())
	for name, c := range map[string]struct{ from, fails string }{
		"a folder":      {folder, ""},
		"an archive":    {filepath.Join(folder, "all.zip"), ""},
		"an address":    {server.URL + "/npm/all.zip", ""},
		"not there":     {filepath.Join(folder, "none.json"), "the advisories " + filepath.Join(folder, "none.json") + " cannot be read"},
		"a wrong place": {server.URL + "/none", "404 Not Found"},
		"no JSON":       {filepath.Join(folder, "README"), "invalid character"},
		"other JSON":    {write(t, "x.json", "{}"), "it is no document of OSV"},
		"a cut archive": {write(t, "cut.zip", string(archive.Bytes()[:40])), "not a valid zip file"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, code, err := run(t, Options{Name: "shop", Image: imageOf(t, v1.Config{}, lists("24.22.3")), Feeds: []string{c.from}})
			if c.fails != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.fails)))
				g.Expect(code).To(Equal(CannotSay))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(out).To(ContainSubstring("qs 6.7.0"))
		})
	}
}

// A registry is asked as npm asks it; one that has no advisories is named, and nothing is called clean for it.
func TestRegistry(t *testing.T) {
	g := NewWithT(t)
	var asked map[string][]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/npm/-/npm/v1/security/advisories/bulk" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		_, _ = w.Write([]byte(`{"qs": [{"id": 1, "url": "https://github.com/advisories/GHSA-hrpp-h998-j3pp", "title": "qs", "severity": "high", "vulnerable_versions": ">=6.7.0 <6.7.3"}],
			"express": [{"id": 2, "url": "https://github.com/advisories/GHSA-x", "title": "old", "severity": "low", "vulnerable_versions": "<4.0.0"}]}`))
	}))
	t.Cleanup(server.Close)
	image := imageOf(t, v1.Config{}, lists("24.22.3"))
	out, code, err := run(t, Options{Name: "shop", Image: image, Registry: server.URL + "/npm/"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(Found))
	g.Expect(out).To(And(ContainSubstring("High         qs 6.7.0: qs\n               through express\n               affected: >=6.7.0 <6.7.3\n               GHSA-hrpp-h998-j3pp  https://"), Not(ContainSubstring("old"))))
	g.Expect(asked).To(Equal(map[string][]string{"express": {"4.17.1"}, "qs": {"6.7.0"}, "@scope/lib": {"1.0.0"}}))
	out, code, err = run(t, Options{Name: "shop", Image: image, Registry: server.URL})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(CannotSay))
	g.Expect(out).To(And(ContainSubstring("gives no advisories: POST "), ContainSubstring("405 Method Not Allowed"), ContainSubstring("No advisories were looked up for Debian:12, RubyGems, npm")))
}

// Secrets are found wherever their bytes are in the image, and their values are not told; modes count as they are in the container.
func TestFiles(t *testing.T) {
	g := NewWithT(t)
	token := "ghp_" + strings.Repeat("a1", 18)
	image := imageOf(t, v1.Config{Env: []string{"URL=postgres://shop:canary-1@db.internal/shop", "PATH=/bin"}, Labels: map[string]string{"token": token}},
		map[string]entry{
			"workspace/.npmrc":                  {mode: 0o644, content: "a\n//npm.example.com/:_authToken=canary-2-long\n"},
			"workspace/node_modules/p/test.pem": {mode: 0o644, content: "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("A", 64)},
			"usr/bin/su":                        {mode: 0o4755, content: "x"},
			"usr/bin/gone":                      {mode: 0o4755, content: "x"},
			"usr/bin/mended":                    {mode: 0o4755, content: "x"},
			"workspace/open":                    {mode: 0o666, content: "x"},
			"tmp":                               {mode: 0o1777, folder: true},
			"var/open":                          {mode: 0o777, folder: true},
		},
		map[string]entry{"workspace/.wh..npmrc": {}, "usr/bin/.wh.gone": {}, "usr/bin/mended": {mode: 0o755, content: "x"}, "layers/gantry_app/node/env.launch/A.default": {mode: 0o644, content: token}})
	out, code, err := run(t, Options{Name: "shop", Image: image, JSON: true})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(Found))
	g.Expect(out).NotTo(Or(ContainSubstring("canary"), ContainSubstring(token)))
	var r Result
	g.Expect(json.Unmarshal([]byte(out), &r)).To(Succeed())
	var list []string
	for _, f := range r.Findings {
		list = append(list, strings.Join([]string{f.ID, f.Path, f.Title, string(f.Severity)}, " "))
		if f.Path == "/workspace/.npmrc" {
			g.Expect(f.Line).To(Equal(2))
		}
	}
	g.Expect(list).To(ConsistOf(
		"secret /workspace/.npmrc holds what looks like a token of a registry high",
		"secret the variable URL holds what looks like an address with a password high",
		"secret the label token holds what looks like a token of GitHub high",
		"secret /layers/gantry_app/node/env.launch/A.default holds what looks like a token of GitHub high",
		"set-id /usr/bin/su runs as its owner, whoever starts it (mode 4755) low",
		"writable /workspace/open can be written by every user (mode 0666) moderate",
		"writable /var/open can be written by every user (mode 0777) moderate"))
}

// The report for code scanners names every finding, with a rule, a level and a place.
func TestSARIF(t *testing.T) {
	g := NewWithT(t)
	var report bytes.Buffer
	_, _, err := run(t, Options{Name: "shop", Image: imageOf(t, v1.Config{}, lists("18.20.8"), map[string]entry{"workspace/.npmrc": {mode: 0o644, content: "//r/:_authToken=canary-2-long\n"}}),
		Feeds: []string{write(t, "feed.json", feed)}, SARIF: &report})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(report.String()).NotTo(ContainSubstring("canary"))
	var parsed sarifReport
	g.Expect(json.Unmarshal(report.Bytes(), &parsed)).To(Succeed())
	g.Expect(parsed.Version).To(Equal("2.1.0"))
	rules := map[string]bool{}
	for _, rule := range parsed.Runs[0].Tool.Driver.Rules {
		g.Expect(rules[rule.ID]).To(BeFalse())
		rules[rule.ID] = true
	}
	g.Expect(parsed.Runs[0].Results).To(HaveLen(6))
	for _, result := range parsed.Runs[0].Results {
		g.Expect(rules).To(HaveKey(result.RuleID))
		g.Expect(result.Level).To(BeElementOf("error", "warning", "note"))
		g.Expect(result.Locations[0].PhysicalLocation.ArtifactLocation.URI).NotTo(Or(BeEmpty(), HavePrefix("/")))
		g.Expect(result.Locations[0].PhysicalLocation.Region.StartLine).To(BeNumerically(">=", 1))
	}
}

// An image that no buildpack has made is not called clean.
func TestAnotherImage(t *testing.T) {
	g := NewWithT(t)
	out, code, err := run(t, Options{Name: "x", Image: imageOf(t, v1.Config{}, map[string]entry{"app/server.js": {mode: 0o644, content: "1"}})})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(CannotSay))
	g.Expect(out).To(ContainSubstring("The image has no bill of materials of a buildpack: packages of npm and RubyGems in it are not known.\n"))
	_, code, err = run(t, Options{Name: "x", Image: imageOf(t, v1.Config{}, map[string]entry{"layers/sbom/launch/b/sbom.cdx.json": {mode: 0o644, content: "{"}})})
	g.Expect(err).To(MatchError(ContainSubstring("the image x cannot be read")))
	g.Expect(code).To(Equal(CannotSay))
}

// Malware, advisories without a score and those that several databases have count as what is worst of them; a feed of another release says nothing.
func TestSeverities(t *testing.T) {
	one := func(more string) string {
		return `{"id": "X", "affected": [{"package": {"ecosystem": "npm", "name": "qs"}, "versions": ["6.7.0"]}]` + more + `}`
	}
	for name, c := range map[string]struct {
		feed string
		want Severity
	}{
		"no score":                      {one(``), Unrated},
		"malware":                       {strings.Replace(one(``), `"X"`, `"MAL-2024-1"`, 1), Critical},
		"CVSS 2":                        {one(`, "severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}]`), High},
		"CVSS 4":                        {one(`, "severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"}]`), Critical},
		"a word of Ubuntu's":            {one(`, "severity": [{"type": "Ubuntu", "score": "medium"}]`), Moderate},
		"a strange database":            {one(`, "database_specific": {"severity": ["HIGH"]}`), Unrated},
		"an alias that is worse":        {`[` + one(``) + `, {"id": "GHSA-9", "aliases": ["X"], "database_specific": {"severity": "CRITICAL"}, "affected": [{"package": {"ecosystem": "npm", "name": "qs"}, "versions": ["6.7.0"]}]}]`, Critical},
		"with a mark of the byte order": {"\ufeff" + one(``), Unrated},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, _, err := run(t, Options{Name: "shop", Image: imageOf(t, v1.Config{}, lists("24.22.3")), Feeds: []string{write(t, "f.json", c.feed)}, JSON: true, Level: Info})
			g.Expect(err).NotTo(HaveOccurred())
			var r Result
			g.Expect(json.Unmarshal([]byte(out), &r)).To(Succeed())
			g.Expect(r.Findings).To(HaveLen(1), out)
			g.Expect(r.Findings[0].Severity).To(Equal(c.want))
		})
	}
	g := NewWithT(t)
	out, code, err := run(t, Options{Name: "shop", Image: imageOf(t, v1.Config{}, lists("24.22.3")), Feeds: []string{write(t, "f.json", `[{"id": "D", "affected": [{"package": {"ecosystem": "Debian:11", "name": "x"}}]}, {"id": "N", "affected": [{"package": {"ecosystem": "npm", "name": "x"}}]}, {"id": "R", "affected": [{"package": {"ecosystem": "RubyGems", "name": "x"}}]}]`)}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(CannotSay))
	g.Expect(out).To(ContainSubstring("No advisories were looked up for Debian:12: "))
}

// What may be a secret in the address of a feed or a registry is in no output.
func TestAddressesAreNotPrinted(t *testing.T) {
	g := NewWithT(t)
	image := imageOf(t, v1.Config{}, lists("24.22.3"))
	for _, address := range []string{"http://canary-1@127.0.0.1:1/x.json", "http://canary-1:canary%2@127.0.0.1:1/x.json", "http://127.0.0.1:1/x.json?sig=canary-1"} {
		_, _, err := run(t, Options{Name: "shop", Image: image, Feeds: []string{address}})
		g.Expect(err).To(HaveOccurred())
		g.Expect(problem.As(err).Plain()).NotTo(ContainSubstring("canary"), address)
		out, _, err := run(t, Options{Name: "shop", Image: image, Registry: address, JSON: true})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).NotTo(ContainSubstring("canary"), address)
	}
}

// OSV's events and npm's ranges say the same of random versions.
func TestEventsAgreeWithRanges(t *testing.T) {
	g := NewWithT(t)
	random := rand.New(rand.NewPCG(1, 2))
	version := func() string {
		text := []string{"0", "1", "2", "3"}
		out := text[random.IntN(4)] + "." + text[random.IntN(4)] + "." + text[random.IntN(4)]
		if random.IntN(5) == 0 {
			out += "-beta." + text[random.IntN(4)]
		}
		return out
	}
	compare := ordering("npm")
	for range 5000 {
		from, to, at := version(), version(), version()
		if n, _ := compare(from, to); n >= 0 {
			continue
		}
		inside, until := evaluate([]map[string]string{{"fixed": to}, {"introduced": from}}, at, compare)
		wanted, err := semver.ParseRange(">=" + from + " <" + to)
		g.Expect(err).NotTo(HaveOccurred())
		parsed, err := semver.Parse(at)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(inside).To(Equal(wanted.MatchesWithPrereleases(parsed)), "%s in %s to %s", at, from, to)
		if inside {
			g.Expect(until).To(Equal(to))
		}
		last, _ := evaluate([]map[string]string{{"introduced": from}, {"last_affected": to}}, at, compare)
		wanted, _ = semver.ParseRange(">=" + from + " <=" + to)
		g.Expect(last).To(Equal(wanted.MatchesWithPrereleases(parsed)), "%s in %s to %s", at, from, to)
	}
}

func FuzzAdvisories(f *testing.F) {
	f.Add([]byte(feed))
	f.Add([]byte(`{"id": "X", "affected": [{"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": ""}, {}]}]}]}`))
	components := []Component{{Ecosystem: "npm", Name: "qs", Version: "6.7.0"}, {Ecosystem: "Debian:12", Name: "libssl3", Source: "openssl", Version: "1"}, {Ecosystem: "RubyGems", Name: "rack", Version: "x"}}
	f.Fuzz(func(_ *testing.T, text []byte) {
		list, err := parseAdvisories(text)
		if err != nil {
			return
		}
		for _, a := range list {
			for _, part := range a.Affected {
				for _, c := range components {
					_ = part.concerns(c)
					_, _ = part.holds(c)
				}
				_ = a.severity(part)
			}
			_, _ = a.title(), a.address()
		}
	})
}
