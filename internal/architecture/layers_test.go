package architecture

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
)

// The page about layers has a row for each layer that the code makes.
func TestEveryLayerIsDocumented(t *testing.T) {
	g := NewWithT(t)
	page, err := os.ReadFile("../../docs/layers.md")
	g.Expect(err).NotTo(HaveOccurred())
	named := regexp.MustCompile(`Name: +(?:[\w.]+LayerPrefix \+ )?"([a-z-]+)", Types:|(?:OutputLayer|LibrariesLayer|ToolchainLayer|GantryLayer) += "([a-z-]+)"`)
	found := 0
	for _, pattern := range []string{"../buildpack/layers/*.go", "../buildpack/session/*.go"} {
		files, err := filepath.Glob(pattern)
		g.Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			code, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			for _, match := range named.FindAllStringSubmatch(string(code), -1) {
				name := match[1] + match[2]
				if name == "agent" {
					name = "ruby-agent"
				}
				g.Expect(string(page)).To(MatchRegexp(`(?m)^\| [^|]*`+"`"+name+"`"+`[^|]* \|`), "docs/layers.md lacks a row for the layer "+name+", which "+file+" makes")
				found++
			}
		}
	}
	g.Expect(found).To(BeNumerically(">=", 14))
}
