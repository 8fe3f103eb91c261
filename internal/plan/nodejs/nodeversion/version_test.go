package nodeversion_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
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
			release, decision, err := nodeversion.Choose(nodeversion.Request{Text: c.asked, Origin: "package.json"}, c.asked != "", releases, false)
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
			release, decision, err := nodeversion.Choose(nodeversion.Request{}, false, releases, false)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(nodeversion.Major(release)).To(Equal("26"))
			g.Expect(decision.Origin).To(Equal("the active LTS; nothing asks for another"))
		})
	}
}
