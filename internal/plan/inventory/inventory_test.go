package inventory

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Every release is pinned, and the package manager that it names can be had.
func TestTheReleases(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		ours := lockfile.CPU(arch)
		g := NewWithT(t)
		c, err := For(arch, "glibc", nil)
		g.Expect(err).NotTo(HaveOccurred())
		known := map[string]bool{}
		for _, r := range c.Releases {
			key := r.Name + " " + r.Version
			g.Expect(known[key]).To(BeFalse(), key+" is there twice")
			known[key] = true
			g.Expect(r.Arch).To(BeElementOf("", arch))
		}
		lines, supported := map[string]bool{}, map[string]bool{}
		for _, r := range c.Named("node") {
			g.Expect(known).To(HaveKey("npm "+r.Manager), "npm of Node.js "+r.Version)
			g.Expect(r.URI).To(Or(BeEmpty(), HaveSuffix("/node-v"+r.Version+"-linux-"+ours+".tar.gz")))
			g.Expect(r.URI+r.Package).NotTo(BeEmpty(), "where Node.js "+r.Version+" comes from")
			g.Expect(r.EndOfLife).To(MatchRegexp(`^20\d\d-\d\d-\d\d$`))
			major, _, _ := strings.Cut(r.Version, ".")
			lines[major] = true
			if r.EndOfLife > c.Date.Format(time.DateOnly) {
				supported[major] = true
			}
		}
		// An architecture must not miss a line that others get security fixes for.
		g.Expect(slices.Sorted(maps.Keys(supported))).To(Equal([]string{"22", "24", "26"}), arch)
		g.Expect(lines).To(HaveLen(map[string]int{"amd64": 12, "arm64": 10}[arch]))
		for _, tool := range []string{"npm", "yarn", "pnpm", "pnpm-exe", "bun"} {
			g.Expect(c.Named(tool)).NotTo(BeEmpty(), tool)
		}
	}
}

// Which line is the active LTS follows from the schedule and the date of the list.
func TestActiveLTS(t *testing.T) {
	lines := map[string]line{
		"20": {LTSStart: "2023-10-24", Maintenance: "2024-10-22"}, "22": {LTSStart: "2024-10-29", Maintenance: "2025-10-21"}, "23": {Maintenance: "2025-04-01"},
		"24": {LTSStart: "2025-10-28", Maintenance: "2026-10-20"}, "26": {LTSStart: "2026-10-28"},
	}
	for date, want := range map[string]string{
		"2023-12-01": "20", "2024-10-25": "20", "2025-06-01": "22", "2025-10-25": "22", "2026-07-01": "24", "2026-10-25": "24", "2026-11-28": "26",
	} {
		NewWithT(t).Expect(file{Date: date, Lines: lines}.activeLTS()).To(Equal(want), date)
	}
}

func TestAge(t *testing.T) {
	g := NewWithT(t)
	c, err := For("amd64", "glibc", nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Defaults["node"]).To(Equal("26.x"))
	g.Expect(c.Age(c.Date.AddDate(0, 0, 59))).To(BeEmpty())
	g.Expect(c.Age(c.Date.AddDate(0, 0, 60))).To(Equal("This version of Gantry knows the releases up to " + c.Date.Format(time.DateOnly) +
		": newer ones with security fixes are not installed. Update Gantry."))
	for _, version := range []string{"26.12.1", "24.22.3", "22.23.5"} {
		g.Expect(c.Releases).To(ContainElement(And(HaveField("Name", "node"), HaveField("Version", version))))
	}
}

func TestUnpinnedReleasesAreRefused(t *testing.T) {
	_, err := read([]byte(`{"date": "2026-01-01", "tools": [{"name": "yarn", "version": "1.0.0", "package": "yarn"}]}`), "amd64", nil)
	NewWithT(t).Expect(err).To(MatchError("the list of releases: yarn 1.0.0 has no pinned source"))
}
