package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/catalog"
)

func read(t *testing.T) catalog.Catalog {
	text, err := os.ReadFile("../../buildpack.toml")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var buildpack struct{ Metadata map[string]any }
	NewWithT(t).Expect(toml.Unmarshal(text, &buildpack)).To(Succeed())
	c, err := catalog.Read(buildpack.Metadata)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c
}

// Every release in buildpack.toml is pinned, and the package manager that it names can be had.
func TestTheBuildpacksReleases(t *testing.T) {
	g := NewWithT(t)
	c := read(t)
	known := map[string]bool{}
	for _, r := range c.Releases {
		key := r.Name + " " + r.Version + " " + r.Arch
		g.Expect(known[key]).To(BeFalse(), key+" is there twice")
		known[key] = true
	}
	for _, r := range c.Releases {
		if r.Name != "node" {
			continue
		}
		g.Expect(known).To(HaveKey("npm "+r.Manager+" "), "npm of Node.js "+r.Version)
		g.Expect(r.URI).To(HavePrefix("https://nodejs.org/"))
		g.Expect(r.EndOfLife).To(MatchRegexp(`^20\d\d-\d\d-\d\d$`))
		for _, line := range []string{"20.", "22.", "24.", "26."} {
			known[line+r.Arch] = known[line+r.Arch] || strings.HasPrefix(r.Version, line)
		}
	}
	for _, key := range []string{"20.amd64", "20.arm64", "22.amd64", "22.arm64", "24.amd64", "24.arm64", "26.amd64", "26.arm64"} {
		g.Expect(known[key]).To(BeTrue(), key)
	}
	for _, r := range c.For("arm64").Releases {
		g.Expect(r.Arch).NotTo(Equal("amd64"))
	}
}

func TestUnpinnedReleasesAreRefused(t *testing.T) {
	_, err := catalog.Read(map[string]any{"releases": []map[string]any{{"name": "node", "version": "1.0.0", "uri": "https://x"}}})
	NewWithT(t).Expect(err).To(MatchError("buildpack.toml: release 1 (node 1.0.0) has no pinned source"))
}
