package nodejs

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Whichever way a pattern is looked for, it finds what doublestar finds.
func TestFinderFindsWhatDoublestarFinds(t *testing.T) {
	g := NewWithT(t)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	for range 200 {
		files := fstest.MapFS{}
		for range 1 + random.IntN(12) {
			name := pick("a", "ab", "b", "packages", ".git", "node_modules")
			for range random.IntN(4) {
				name += "/" + pick("a", "b", "c", "ab", "node_modules")
			}
			files[name+"/package.json"] = &fstest.MapFile{Data: []byte("{}")}
		}
		pattern := pick("**", "*", "a", "packages", "{a,b}", "a*")
		for range random.IntN(3) {
			pattern += "/" + pick("**", "*", "a", "[ab]", "{a,c}", "?", "{a,b}{b,c}")
		}
		pattern += "/package.json"
		installed := func(file string) bool {
			return strings.Contains(file, "node_modules/") || strings.Contains(file, ".git/")
		}
		want, err := doublestar.Glob(files, pattern, doublestar.WithNoFollow())
		g.Expect(err).NotTo(HaveOccurred())
		found, err := finder(app.App{FS: files}, "")(pattern)
		g.Expect(err).NotTo(HaveOccurred())
		found, want = slices.DeleteFunc(found, installed), slices.DeleteFunc(want, installed)
		slices.Sort(found)
		slices.Sort(want)
		g.Expect(slices.Compact(found)).To(HaveExactElements(slices.Compact(want)), pattern)
	}
}

// A pattern of some bytes must not keep detection busy for days.
func TestPatternsAreBounded(t *testing.T) {
	files := fstest.MapFS{}
	deep := ""
	for range 30 {
		deep += "a/"
		files[deep+"package.json"] = &fstest.MapFile{Data: []byte("{}")}
	}
	for name, c := range map[string]struct{ pattern, why string }{
		"alternatives":            {pattern: strings.Repeat("{a,b}", 20) + "/package.json", why: "it has more than 8 groups of alternatives"},
		"nested alternatives":     {pattern: strings.Repeat("{a,", 20) + "b" + strings.Repeat("}", 20), why: "it has more than 8 groups of alternatives"},
		"some alternatives":       {pattern: strings.Repeat("{a,b,c,d,e,f,g,h}", 8) + "/package.json"},
		"many folders":            {pattern: strings.Repeat("**/", 30) + "package.json"},
		"many folders with names": {pattern: strings.Repeat("**/a*/", 15) + "b/package.json"},
		"many of one folder":      {pattern: strings.Repeat("*/**/", 15) + "b/package.json"},
		"many stars":              {pattern: strings.Repeat("*a", 200) + "/b/c/package.json"},
		"long":                    {pattern: strings.Repeat("a", 2000), why: "it has more than 1000 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ended := make(chan error, 1)
			go func() {
				_, err := finder(app.App{FS: files}, "")(c.pattern)
				ended <- err
			}()
			var err error
			g.Eventually(ended, 20*time.Second).Should(Receive(&err))
			if c.why == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(c.why))
			}
		})
	}
}
