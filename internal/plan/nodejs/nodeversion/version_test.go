package nodeversion_test

import (
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
			release, decision, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: "package.json"}, c.asked != "", releases, nodeversion.Signed)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(nodeversion.Major(release)).To(Equal(c.major))
			g.Expect(decision.Origin).To(Equal(c.origin))
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
			release, decision, err := nodeversion.Choose(nodeversion.Request{}, false, releases, nodeversion.Signed)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(nodeversion.Major(release)).To(Equal("26"))
			g.Expect(decision.Origin).To(Equal("the active LTS; nothing asks for another"))
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
		"newer, which is forbidden": {asked: "24.99.1", allowed: nodeversion.Never, hint: "For a release that is newer than this version of Gantry, ask for it by its exact version, without BP_NODE_ALLOW_UNLISTED=false."},
		"a newer line":              {asked: "^99", allowed: nodeversion.Signed, hint: "For a release that is newer than this version of Gantry, ask for it by its exact version."},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			releases, err := inventory.For("amd64", "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			release, decision, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: ".nvmrc"}, true, releases, c.allowed)
			if c.hint != "" {
				g.Expect(problem.As(err).ID).To(Equal("node/version-unsatisfiable"))
				g.Expect(problem.As(err).Hints).To(ContainElement(c.hint))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(decision.Origin).To(Equal(c.origin))
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
