package problem_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

func TestVisible(t *testing.T) {
	for name, c := range map[string]struct{ text, line, lines, output string }{
		"ordinary":              {text: "größer: 5 €", line: "größer: 5 €", lines: "größer: 5 €", output: "größer: 5 €"},
		"a window's title":      {text: "/crash\x1b]0;pwned\x07", line: `/crash\x1b]0;pwned\x07`, lines: `/crash\x1b]0;pwned\x07`, output: `/crash\x1b]0;pwned\x07`},
		"a faked line":          {text: "a\n::error file=x::b\r", line: `a\n::error file=x::b\r`, lines: "a\n" + `\x3a:error file=x::b\r`, output: `a\n::error file=x::b\r`},
		"C1 controls":           {text: "a\u009b31mb\u0085", line: `a\x9b31mb\x85`, lines: `a\x9b31mb\x85`, output: `a\x9b31mb\x85`},
		"reversed":              {text: "user\u202eresu\u2066\u2028", line: `user\u202eresu\u2066\u2028`, lines: `user\u202eresu\u2066\u2028`, output: `user\u202eresu\u2066\u2028`},
		"no UTF-8":              {text: "a\xffb", line: `a\xffb`, lines: `a\xffb`, output: `a\xffb`},
		"a tab":                 {text: "a\tb", line: `a\tb`, lines: "a\tb", output: "a\tb"},
		"colour":                {text: "\x1b[1;31mred\x1b[0m", line: `\x1b[1;31mred\x1b[0m`, lines: `\x1b[1;31mred\x1b[0m`, output: "\x1b[1;31mred\x1b[0m"},
		"the screen is cleared": {text: "\x1b[2J\x1b[", line: `\x1b[2J\x1b[`, lines: `\x1b[2J\x1b[`, output: `\x1b[2J\x1b[`},
		"delete":                {text: "a\x7f", line: `a\x7f`, lines: `a\x7f`, output: `a\x7f`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(problem.Visible(c.text)).To(Equal(c.line))
			g.Expect(problem.VisibleLines(c.text)).To(Equal(c.lines))
			g.Expect(problem.VisibleOutput(c.text)).To(Equal(c.output))
		})
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b[31mb\x1b[0m\x1b]0;x\x07\n\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		g := NewWithT(t)
		line := problem.Visible(text)
		g.Expect(utf8.ValidString(line)).To(BeTrue())
		g.Expect(strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 })).To(BeFalse())
		g.Expect(problem.Visible(line)).To(Equal(line))
		g.Expect(strings.ContainsAny(problem.VisibleOutput(text), "\n\r\x07\x00")).To(BeFalse())
	})
}
