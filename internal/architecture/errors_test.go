package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// notErrors are literals that look like the id of an error: names of folders, of programs and of packages.
var notErrors = []string{"app/assets", "app/components", "app/javascript", "archive/tar", "archive/zip", "build/buildpack", "build/tools", "gantry/offline", "runtime/debug", "runtime/pprof"}

// Whoever searches the docs for the id of an error finds its cause and what to do.
func TestEveryErrorIsDocumented(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../../docs/errors.md")
	g.Expect(err).NotTo(HaveOccurred())
	documented, areas := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			id := strings.Trim(cells[0], "| `")
			g.Expect(cells).To(HaveLen(3), "docs/errors.md: the row of "+id+" has a cause and a remedy")
			g.Expect(documented[id]).To(BeFalse(), "docs/errors.md has two rows for "+id)
			documented[id] = true
			area, _, _ := strings.Cut(id, "/")
			areas[area] = true
		}
	}
	used := map[string]string{}
	literal := regexp.MustCompile(`"([a-z]+)/([a-z0-9-]+)"`)
	for _, root := range []string{"..", "../../cmd"} {
		g.Expect(filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			code, err := os.ReadFile(file)
			for _, match := range literal.FindAllStringSubmatch(string(code), -1) {
				if id := match[1] + "/" + match[2]; areas[match[1]] && !slices.Contains(notErrors, id) {
					used[id] = file
				}
			}
			return err
		})).To(Succeed())
	}
	for id, file := range used {
		g.Expect(documented[id]).To(BeTrue(), "docs/errors.md lacks a row for "+id+", which "+file+" has")
	}
	for id := range documented {
		g.Expect(used).To(HaveKey(id), "docs/errors.md has a row for "+id+", which no code has")
	}
}
