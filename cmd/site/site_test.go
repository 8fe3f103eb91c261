package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The pages of the checkout make a site: every link leads somewhere, each page is reached, and the search knows what they say.
func TestTheSite(t *testing.T) {
	g := NewWithT(t)
	out := t.TempDir()
	g.Expect(makeSite("../..", out)).To(Succeed())
	index, err := os.ReadFile(filepath.Join(out, "index.html"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(index)).To(And(ContainSubstring(`<a href="nodejs.html">`), ContainSubstring(`src="images/terminal-build.svg"`), ContainSubstring(`<a href="compare.html">how it compares</a>`)))
	contract, err := os.ReadFile(filepath.Join(out, "contract.html"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(contract)).To(ContainSubstring(`<a href="contract.html" aria-current="page">`))
	search, err := os.ReadFile(filepath.Join(out, "search.js"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(search)).To(And(ContainSubstring("npm/lockfile-stale"), ContainSubstring(`"a":"contract.html#`)))
	for _, file := range []string{"images/terminal-build.svg", "errors.html", "changelog.html", "security.html", "page.css"} {
		g.Expect(filepath.Join(out, file)).To(BeAnExistingFile())
	}
}

// write makes a checkout of pages.
func write(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for _, name := range outside {
		if files[name] == "" {
			files[name] = "# " + name + "\n"
		}
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	}
	return dir
}

const table = "# Home\n\n| | |\n|---|---|\n| Start | [one](docs/one.md) |\n"

func TestPagesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"whole":              {map[string]string{"README.md": table, "docs/one.md": "# One\n\n[home](../README.md), [itself](#a-part-with-code)\n\n## A part, with `code`!\n"}, ""},
		"a missing file":     {map[string]string{"README.md": table, "docs/one.md": "[two](two.md)"}, "docs/one.md refers to docs/two.md, which does not exist"},
		"a missing heading":  {map[string]string{"README.md": table, "docs/one.md": "# One\n\n[a part](#part)\n"}, "docs/one.md refers to docs/one.md#part, and there is no such heading"},
		"a missing picture":  {map[string]string{"README.md": table, "docs/one.md": "![p](images/p.png)"}, "docs/one.md refers to docs/images/p.png, which does not exist"},
		"a page on its own":  {map[string]string{"README.md": table, "docs/one.md": "# One\n", "docs/two.md": "# Two\n"}, "README.md's table of pages lacks docs/two.md"},
		"no table":           {map[string]string{"README.md": "# Home\n", "docs/one.md": "# One\n"}, "README.md has no table of pages"},
		"headings that meet": {map[string]string{"README.md": table, "docs/one.md": "# One\n\n[second](#part-1)\n\n## Part\n\n## Part\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out := t.TempDir()
			err := makeSite(write(t, c.files), out)
			if c.says != "" {
				g.Expect(err).To(MatchError(c.says))
				g.Expect(filepath.Join(out, "index.html")).NotTo(BeAnExistingFile())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
		})
	}
}

// Links to files that are no pages lead to the repository; scripts and addresses stay as they are.
func TestLinks(t *testing.T) {
	g := NewWithT(t)
	dir := write(t, map[string]string{"README.md": table, "LICENSE": "x", "docs/one.md": "[l](../LICENSE) [w](https://example.org/#x) [h](../README.md#home)\n\n| a |\n|---|\n| b |\n"})
	p, err := readPage(dir, "docs/one.md")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(p.Body)).To(And(ContainSubstring(`href="https://github.com/gantry-buildpack/gantry/blob/main/LICENSE"`), ContainSubstring(`href="https://example.org/#x"`),
		ContainSubstring(`href="index.html#home"`), ContainSubstring(`<div class="wide"><table>`)))
}

// A picture is well formed whatever a program prints, keeps its colours, and has the width of its longest line.
func TestPicture(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		has  []string
	}{
		"a command":          {"$ gantry build .\n", []string{`<tspan fill="#7ee787">$</tspan>`, `<tspan font-weight="700" fill="#f0f6fc">gantry build .</tspan>`, `textLength="134.4"`}},
		"dim and colours":    {"\x1b[2mfrom\x1b[0m \x1b[1;31mFailed\x1b[0m", []string{`<tspan fill="#8b949e">from</tspan>`, `fill="#ff7b72">Failed</tspan>`}},
		"a style over lines": {"\x1b[33mone\ntwo\x1b[0m", []string{`<tspan fill="#f2cc60">two</tspan>`}},
		"markup":             {"<b> & \"x\"", []string{`&lt;b&gt; &amp; &#34;x&#34;`}},
		"a cut sequence":     {"a\x1b[", []string{"<tspan>a</tspan>"}},
		"wide letters":       {"äöü…", []string{`textLength="33.6"`}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			svg := picture("A <title>", c.text)
			g.Expect(xml.NewDecoder(strings.NewReader(svg)).Decode(new(struct{}))).To(Succeed())
			g.Expect(svg).To(ContainSubstring("A &lt;title&gt;"))
			for _, part := range c.has {
				g.Expect(svg).To(ContainSubstring(part))
			}
		})
	}
}
