package sourcemap_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
)

// one is a map of two generated lines: 0:0 comes from a.ts 1:2, 0:10 from a.ts 2:0, and 1:4 from b.ts 0:0.
const one = `{"version":3,"sources":["../src/a.ts","../src/b.ts"],"mappings":"AACE,UACF;ICFA"}`

func TestBothWays(t *testing.T) {
	g := NewWithT(t)
	m, err := sourcemap.Parse([]byte(one), "/app/dist")
	g.Expect(err).NotTo(HaveOccurred())
	for generated, source := range map[[2]int]sourcemap.Position{
		{0, 0}:  {File: "/app/src/a.ts", Line: 1, Column: 2},
		{0, 9}:  {File: "/app/src/a.ts", Line: 1, Column: 2},
		{0, 99}: {File: "/app/src/a.ts", Line: 2, Column: 0},
		{1, 4}:  {File: "/app/src/b.ts", Line: 0, Column: 0},
	} {
		found, ok := m.Original(generated[0], generated[1])
		g.Expect(ok).To(BeTrue())
		g.Expect(found).To(Equal(source))
	}
	_, ok := m.Original(1, 0)
	g.Expect(ok).To(BeFalse(), "nothing is known of what stands before the first mapping of a line")
	_, ok = m.Original(7, 0)
	g.Expect(ok).To(BeFalse())

	g.Expect(m.Generated("src/a.ts", 2)).To(Equal([]sourcemap.Position{{File: "/app/src/a.ts", Line: 0, Column: 10}}))
	g.Expect(m.Generated("./b.ts", 0)).To(HaveLen(1))
	g.Expect(m.Generated("rc/b.ts", 0)).To(BeEmpty())
}

func TestSources(t *testing.T) {
	for name, want := range map[string]string{
		`"sources":["webpack:///./src/a.ts"]`:          "src/a.ts",
		`"sources":["webpack://shop/./src/a.ts"]`:      "src/a.ts",
		`"sources":["file:///app/src/a.ts"]`:           "/app/src/a.ts",
		`"sourceRoot":"../src/","sources":["a.ts"]`:    "/app/src/a.ts",
		`"sourceRoot":"/elsewhere","sources":["a.ts"]`: "/elsewhere/a.ts",
		`"sources":["/app/src/a.ts"]`:                  "/app/src/a.ts",
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m, err := sourcemap.Parse([]byte(`{"version":3,`+name+`,"mappings":"AAAA"}`), "/app/dist")
			g.Expect(err).NotTo(HaveOccurred())
			source, _ := m.Original(0, 0)
			g.Expect(source.File).To(Equal(want))
		})
	}
}

// Turbopack writes maps in sections.
func TestSections(t *testing.T) {
	g := NewWithT(t)
	m, err := sourcemap.Parse([]byte(`{"version":3,"sections":[{"offset":{"line":5,"column":3},"map":`+one+`}]}`), "/app/dist")
	g.Expect(err).NotTo(HaveOccurred())
	source, ok := m.Original(5, 3)
	g.Expect(ok).To(BeTrue())
	g.Expect(source).To(Equal(sourcemap.Position{File: "/app/src/a.ts", Line: 1, Column: 2}))
	source, _ = m.Original(6, 4)
	g.Expect(source.File).To(Equal("/app/src/b.ts"))
}

func TestWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "read the source map: unexpected EOF",
		`{"version":2,"sources":[],"mappings":""}`:                         "read the source map: its version is 2, and 3 is the only one",
		`{"version":3,"sources":[],"mappings":"AAAA"}`:                     "read the source map: its mappings leave the sources",
		`{"version":3,"sources":["a"],"mappings":"!"}`:                     `read the source map: its mappings hold "!"`,
		`{"version":3,"sources":["a"],"mappings":"g"}`:                     `read the source map: its mappings end within a number: "g"`,
		`{"version":3,"sections":[{"map":{"version":3,"sections":[{}]}}]}`: "read the source map: a section has sections of its own",
	} {
		_, err := sourcemap.Parse([]byte(text), "/")
		NewWithT(t).Expect(err).To(MatchError(want))
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	inline := "data:application/json;base64," + base64.StdEncoding.EncodeToString([]byte(one))
	for name, c := range map[string]struct {
		comment string
		found   bool
	}{
		"a file beside":    {comment: "//# sourceMappingURL=app.js.map\n", found: true},
		"part of it":       {comment: "//# sourceMappingURL=" + inline + "\n", found: true},
		"a long one in it": {comment: "//# sourceMappingURL=" + inline + "\n" + strings.Repeat("// more\n", 1000), found: true},
		"elsewhere":        {comment: "//# sourceMappingURL=https://maps.example.com/app.js.map", found: false},
		"not there":        {comment: "//# sourceMappingURL=no.map", found: false},
		"none":             {comment: "", found: false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(os.WriteFile(filepath.Join(dir, "app.js.map"), []byte(one), 0o644)).To(Succeed())
			script := filepath.Join(dir, "app.js")
			g.Expect(os.WriteFile(script, []byte("a()\n"+c.comment), 0o644)).To(Succeed())
			g.Expect(sourcemap.Find(script) != nil).To(Equal(c.found))
		})
	}
}

// Any place of a large map has the source that a plain reading gives, and little of the map is held.
func TestLargeMaps(t *testing.T) {
	g := NewWithT(t)
	var mappings strings.Builder
	for line := range 3 {
		for segment := range 40_000 {
			// Two columns on, one line of the source on, and now and then a name.
			mappings.WriteString("EACA")
			if segment%5 == 0 {
				mappings.WriteString("A")
			}
			mappings.WriteString(",")
		}
		if line < 2 {
			mappings.WriteString(";")
		}
	}
	content := strings.Repeat("x", 1<<20)
	text := `{"version":3,"sources":["a.ts"],"names":["total"],"sourcesContent":["` + content + `"],"mappings":"` + mappings.String() + `"}`
	m, err := sourcemap.Parse([]byte(text), "/app")
	g.Expect(err).NotTo(HaveOccurred())
	for _, at := range [][2]int{{0, 2}, {0, 3}, {0, 1023}, {0, 1024}, {0, 1025}, {0, 80_000}, {1, 2}, {1, 40_001}, {2, 79_999}, {2, 999_999}} {
		source, ok := m.Original(at[0], at[1])
		g.Expect(ok).To(BeTrue())
		g.Expect(source.Line).To(Equal(at[0]*40_000+min(at[1], 80_000)/2), "%v", at)
	}
	_, ok := m.Original(1, 1)
	g.Expect(ok).To(BeFalse())
	g.Expect(m.Names(sourcemap.Position{Line: 1, Column: 0}, sourcemap.Position{Line: 1, Column: 13})).To(Equal([]sourcemap.Name{{Line: 1, Column: 2, Name: "total"}, {Line: 1, Column: 12, Name: "total"}}))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte(`{"version":3,"sources":["a"],"mappings":";;AAAA,,DDDD"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := sourcemap.Parse(text, "/app"); err == nil {
			m.Original(0, 0)
			m.Original(7, 100)
			m.Generated("a", 0)
			m.Names(sourcemap.Position{}, sourcemap.Position{Line: 9})
		}
	})
}
