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

// Whoever reads a source tree does it through internal/source/app, which nothing in the tree leads out of.
func TestSourcesAreReadThroughTheTree(t *testing.T) {
	g := NewWithT(t)
	around := regexp.MustCompile(`\b(os\.(Open\w*|ReadFile|ReadDir|Stat|Lstat|Readlink|DirFS|CopyFS)|filepath\.(Walk\w*|Glob|EvalSymlinks))\(`)
	read := 0
	for _, room := range []string{"source", "plan", "contract", "buildpack/detect", "buildpack/explain"} {
		err := filepath.WalkDir(filepath.Join("..", room), func(file string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && (entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go")) {
				return nil
			}
			if strings.HasPrefix(file, filepath.Join("..", "source", "app")+string(filepath.Separator)) {
				return err
			}
			code, err := os.ReadFile(file)
			read++
			g.Expect(around.FindAllString(string(code), -1)).To(BeEmpty(), file+" reads files by itself, and not through internal/source/app")
			return err
		})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(read).To(BeNumerically(">", 50))
}
