package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// Who reads a log has no checkout: a page is named by its address, and is there.
func TestLogsNamePagesByTheirAddress(t *testing.T) {
	g := NewWithT(t)
	inCheckout := regexp.MustCompile("[\"`][^\"`\n]*\\bdocs/[a-z-]+\\.md")
	page := regexp.MustCompile(`problem\.Page\("([a-z-]+\.md)`)
	pages := 0
	for _, root := range []string{"..", "../../cmd"} {
		g.Expect(filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			code, err := os.ReadFile(file)
			g.Expect(inCheckout.FindString(string(code))).To(BeEmpty(), file)
			for _, m := range page.FindAllStringSubmatch(string(code), -1) {
				pages++
				g.Expect(filepath.Join("../../docs", m[1])).To(BeAnExistingFile(), file)
			}
			return err
		})).To(Succeed())
	}
	g.Expect(pages).To(BeNumerically(">", 3))
}
