package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
)

// The page shows each piece of work where it was done, and what the end waited for, the longest first.
func TestTimelinePage(t *testing.T) {
	g := NewWithT(t)
	zero := time.UnixMicro(1_800_000_000_000_000)
	at := func(seconds int) time.Time { return zero.Add(time.Duration(seconds) * time.Second) }
	spans := buildlog.Timeline{
		{Subject: "Lifecycle", Name: "building", Start: at(0), End: at(10)},
		{Subject: "Packages", Name: "installed", Start: at(0), End: at(2)},
		{Subject: "Toolchain", Name: "unpack", Start: at(1), End: at(4)},
		{Subject: "Layer", Name: "modules: created (package-lock.json changed)", Start: at(4), End: at(4)},
		{Subject: "Build", Name: "npm run build", Start: at(4), End: at(9)},
	}
	p := timelinePage(spans, "apps/shop")
	g.Expect(p.Title).To(Equal("Timeline of a build: shop"))
	g.Expect(p.Facts).To(ContainElement([2]string{"Longest", "5.00 s npm run build"}))
	g.Expect(p.Timeline.Total).To(BeEquivalentTo(10e6))
	critical := map[string]bool{}
	for _, row := range p.Timeline.Rows {
		critical[row.Name] = row.Critical
	}
	g.Expect(critical).To(Equal(map[string]bool{"building": false, "installed": true, "unpack": true, "npm run build": true}))
	g.Expect(p.Tables[0].Rows[0]).To(Equal([]any{"Build", "npm run build", int64(5e6), 0.5}))
	g.Expect(p.Tables[1].Rows).To(Equal([][]any{{int64(4e6), "Layer", "modules: created (package-lock.json changed)"}}))

	for _, name := range []string{"build.html", "build.json"} {
		file := filepath.Join(t.TempDir(), name)
		g.Expect(writeTimeline(spans, "apps/shop", file)).To(Succeed())
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(text)).To(ContainSubstring("npm run build"))
	}
	g.Expect(writeTimeline(spans, "apps/shop", "/nowhere/build.html")).NotTo(Succeed())
}
