package nodejs

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// readAtStart are programs that load a configuration of the application when they start, with all that it imports: with the word
// behind them, where others of their commands do not, and the file's name without its end.
var readAtStart = []struct{ program, word, file string }{
	{"next", "start", "next.config"}, {"waku", "start", "waku.config"}, {"vite", "preview", "vite.config"}, {"astro", "preview", "astro.config"},
	{"vinxi", "start", "app.config"}, {"gatsby", "serve", "gatsby-config"}, {"medusa", "start", "medusa-config"}, {"prisma", "", "prisma.config"},
	{"drizzle-kit", "", "drizzle.config"}, {"knex", "", "knexfile"},
}

var (
	typesOnly = lazyregexp.New(`(?s)\bimport\s+type\b[^'"]*["'][^'"]*["']`)
	imported  = lazyregexp.New(`(?:\bfrom|\bimport|\b(?:require(?:\.resolve)?|import)\s*\()\s*["']([^"'./][^"']*)["']`)
)

// importedAtStart gives the packages that the configuration of what a process starts imports.
func (p *Project) importedAtStart(q plan.Process) (list []string) {
	words := q.Args
	if text := p.shellText(q); text != "" {
		words = shell.Fields(text)
	}
	for i, word := range words {
		for _, c := range readAtStart {
			if word != c.program || c.word != "" && !slices.Contains(words[i+1:min(i+2, len(words))], c.word) {
				continue
			}
			text := typesOnly().ReplaceAllString(comments().ReplaceAllString(p.config(c.file), ""), "")
			for _, match := range imported().FindAllStringSubmatch(text, -1) {
				parts := strings.SplitN(match[1], "/", 3)
				name := parts[0]
				if strings.HasPrefix(name, "@") && len(parts) > 1 {
					name += "/" + parts[1]
				}
				list = append(list, name)
			}
		}
	}
	return list
}
