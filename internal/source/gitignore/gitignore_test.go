package gitignore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/gitignore"
)

// git itself says what is matched.
func TestAsGitDoes(t *testing.T) {
	dir := t.TempDir()
	g := NewWithT(t)
	files := []string{
		"server.js", "a.md", "docs/a.md", "docs/b/c.md", "views/a.txt", "views/b.txt", "views/c/d.txt", "assets/js/a.js", "app/assets/js/a.js", "app/(shop)/a", "app/shop/a",
		"a+b.md", "aab.md", "q/f1.txt", "q/f2.txt", "q/f10.txt", "crab.txt", "zzz|crab.txt", "lib/util.js", "{a}/b", "a/b", "x y.txt", "!keep", "#c", "z[1].txt", "z1.txt", "dist/a/b/c.js", "end ",
	}
	for _, name := range files {
		g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, name), nil, 0o644)).To(Succeed())
	}
	g.Expect(exec.Command("git", "init", "-q", dir).Run()).To(Succeed())
	for _, lines := range [][]string{
		{"*.md"}, {"/*.md"}, {"docs"}, {"docs/"}, {"/docs/"}, {"docs/*"}, {"docs/**"}, {"docs/**/c.md"}, {"**/c.md"}, {"**/js"}, {"views/*", "!views/a.txt"}, {"/*", "!/lib/"}, {"/*", "!/lib"},
		{"assets/js"}, {"/assets"}, {"app/(shop)"}, {"a+b.md"}, {"q/f?.txt"}, {"/"}, {"zzz|crab.txt"}, {"{a}"}, {"{a,b}"}, {"x y.txt   "}, {"\\!keep"}, {"\\#c"}, {"# comment", "", "*.txt", "!a.txt"},
		{"z[1].txt"}, {"z\\[1\\].txt"}, {"[a-c]*.md"}, {"*"}, {"*", "!*.js"}, {"dist/a"}, {"dist/**/c.js"}, {"views/c/", "!views/c/d.txt"}, {"end\\ "}, {"server.js\r"}, {"server.js/"}, {"[z"}, {"!a"},
	} {
		t.Run(strings.Join(lines, " "), func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(os.WriteFile(filepath.Join(dir, ".git/info/exclude"), []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "\r", "")+"\n"), 0o644)).To(Succeed())
			cmd := exec.Command("git", "-c", "core.quotePath=false", "ls-files", "-z", "-o", "-i", "--exclude-standard")
			cmd.Dir = dir
			out, err := cmd.Output()
			g.Expect(err).NotTo(HaveOccurred())
			want := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
			patterns := gitignore.Parse(lines)
			got := slices.DeleteFunc(slices.Clone(files), func(name string) bool { return !patterns.Matches(name, false) })
			slices.Sort(got)
			slices.Sort(want)
			g.Expect(strings.Join(got, "\n")).To(Equal(strings.Join(want, "\n")))
		})
	}
}

func FuzzMatches(f *testing.F) {
	for _, seed := range []string{"*.md", "!a/**", "[", "\\", "{a,b}", "**"} {
		f.Add(seed, "a/b.md")
	}
	f.Fuzz(func(_ *testing.T, line, name string) { gitignore.Parse([]string{line}).Matches(name, false) })
}
