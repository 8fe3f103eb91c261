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

// What builds knows no package manager: a new one is added where plans are made, and where packages are installed.
func TestBuildingKnowsNoPackageManager(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(npm|yarn|pnpm|bun|bundler|rubygems)\b`)
	comment := regexp.MustCompile(`(?m)//.*$`)
	for _, room := range []string{"../buildpack/pipeline", "../buildpack/layers", "../buildpack/session", "../buildpack/layer", "../buildpack/detect"} {
		NewWithT(t).Expect(filepath.WalkDir(room, func(file string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			code, err := os.ReadFile(file)
			for i, line := range strings.Split(comment.ReplaceAllString(string(code), ""), "\n") {
				NewWithT(t).Expect(words.MatchString(line)).To(BeFalse(), "%s:%d names a package manager: %s", file, i+1, line)
			}
			return err
		})).To(Succeed())
	}
}
