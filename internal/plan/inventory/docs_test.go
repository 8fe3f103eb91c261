package inventory

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "write the table of releases in docs/support.md")

// The table of docs/support.md is written from the inventory: go test ./internal/plan/inventory -update.
func TestDocsFollowTheInventory(t *testing.T) {
	g := NewWithT(t)
	name := filepath.FromSlash("../../../docs/support.md")
	text, err := os.ReadFile(name)
	g.Expect(err).NotTo(HaveOccurred())
	var f file
	g.Expect(json.Unmarshal(list, &f)).To(Succeed())
	before, rest, found := strings.Cut(string(text), "<!-- releases: made by go test ./internal/plan/inventory -update -->\n")
	g.Expect(found).To(BeTrue())
	_, after, found := strings.Cut(rest, "<!-- end of releases -->\n")
	g.Expect(found).To(BeTrue())
	page := before + "<!-- releases: made by go test ./internal/plan/inventory -update -->\n" + releasesTable(f) + "<!-- end of releases -->\n" + after
	if *update {
		g.Expect(os.WriteFile(name, []byte(page), 0o644)).To(Succeed())
	}
	g.Expect(string(text)).To(Equal(page), "docs/support.md is not what the inventory says")
}

// releasesTable tells of each line how many releases are pinned, which is the newest, and until when it gets fixes.
func releasesTable(f file) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Pinned by checksum in the inventory of %s:\n\n| line | newest | releases | security fixes until |\n|---|---|---|---|\n", f.Date)
	row := func(language, line, newest string, count int, end string) {
		if end == "" {
			end = "a preview"
		} else if end < f.Date {
			end = "ended " + end
		}
		fmt.Fprintf(&out, "| %s %s | %s | %d | %s |\n", language, line, newest, count, end)
	}
	newest, count := map[string]string{}, map[string]int{}
	for _, r := range f.Node {
		line, _, _ := strings.Cut(r.Version, ".")
		if count[line]++; newest[line] == "" {
			newest[line] = r.Version
		}
	}
	byNumber := func(a, b string) int {
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return int(10*y) - int(10*x)
	}
	for _, line := range slices.SortedFunc(maps.Keys(newest), byNumber) {
		row("Node.js", line, newest[line], count[line], f.Lines[line].EndOfLife)
	}
	newest, count = map[string]string{}, map[string]int{}
	for _, r := range f.Ruby {
		line := r.Version[:strings.LastIndex(r.Version, ".")]
		if count[line]++; newest[line] == "" {
			newest[line] = r.Version
		}
	}
	for _, line := range slices.SortedFunc(maps.Keys(newest), byNumber) {
		row("Ruby", line, newest[line], count[line], f.RubyLines[line].EndOfLife)
	}
	return out.String()
}
