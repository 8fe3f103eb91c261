package inventory

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Every release is pinned, and the package manager that it names can be had.
func TestTheReleases(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		ours := lockfile.CPU(arch)
		g := NewWithT(t)
		c, err := For(arch, "glibc")
		g.Expect(err).NotTo(HaveOccurred())
		known := map[string]bool{}
		for _, r := range c.Releases {
			key := r.Name + " " + r.Version
			g.Expect(known[key]).To(BeFalse(), key+" is there twice")
			known[key] = true
			g.Expect(r.Arch).To(BeElementOf("", arch))
		}
		lines := map[string]bool{}
		for _, r := range c.Named("node") {
			g.Expect(known).To(HaveKey("npm "+r.Manager), "npm of Node.js "+r.Version)
			g.Expect(r.URI).To(Or(BeEmpty(), HaveSuffix("/node-v"+r.Version+"-linux-"+ours+".tar.gz")))
			g.Expect(r.URI+r.Package).NotTo(BeEmpty(), "where Node.js "+r.Version+" comes from")
			g.Expect(r.EndOfLife).To(MatchRegexp(`^20\d\d-\d\d-\d\d$`))
			major, _, _ := strings.Cut(r.Version, ".")
			lines[major] = true
		}
		g.Expect(lines).To(HaveLen(map[string]int{"amd64": 12, "arm64": 10}[arch]))
		for _, tool := range []string{"npm", "yarn", "pnpm", "pnpm-exe", "bun"} {
			g.Expect(c.Named(tool)).NotTo(BeEmpty(), tool)
		}
	}
}

func TestUnpinnedReleasesAreRefused(t *testing.T) {
	_, err := read([]byte(`{"tools": [{"name": "yarn", "version": "1.0.0", "package": "yarn"}]}`), "amd64")
	NewWithT(t).Expect(err).To(MatchError("the list of releases: yarn 1.0.0 has no pinned source"))
}
