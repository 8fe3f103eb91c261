package tomlbounds_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/tomlbounds"
)

func TestCheck(t *testing.T) {
	const deep = "tables are nested more than 64 levels deep"
	for name, c := range map[string]struct{ text, why string }{
		"usual":          {text: "[dev.gantry.config.A]\ntype = \"url\"\nvalues = [\"a\", {b = [1]}]\n"},
		"not TOML":       {text: "[dev.gantry\n"},
		"64 levels":      {text: "a" + strings.Repeat(".a", 63) + " = 1"},
		"a dotted key":   {text: "a" + strings.Repeat(".a", 200000) + " = 1", why: deep},
		"a header":       {text: "[a" + strings.Repeat(".a", 200000) + "]", why: deep},
		"an array of it": {text: "[[a" + strings.Repeat(".a", 200000) + "]]", why: deep},
		"below a header": {text: "[a" + strings.Repeat(".a", 40) + "]\nb" + strings.Repeat(".b", 40) + " = 1", why: deep},
		"lists":          {text: "a = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), why: deep},
		"inline tables":  {text: "a = " + strings.Repeat("{a=", 5000) + "1" + strings.Repeat("}", 5000), why: deep},
		"inline tables, so many that the parser gives up": {text: "a = " + strings.Repeat("{a=", 20000) + "1" + strings.Repeat("}", 20000), why: deep},
		"lists that do not end":                           {text: "a = " + strings.Repeat("[", 20000), why: deep},
		"in a later table":                                {text: "a = 1\n[b]\nc = {d" + strings.Repeat(".a", 100) + " = 1}", why: deep},
		"too large":                                       {text: strings.Repeat("# text\n", 200000), why: "it has more than 1 MB"},
		"many short tables":                               {text: strings.Repeat("[[a.b]]\n", 100000)},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := NewWithT(t), tomlbounds.Check([]byte(c.text))
			if c.why == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(c.why))
			}
		})
	}
}
