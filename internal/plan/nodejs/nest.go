package nodejs

import (
	"cmp"
	"encoding/json"
	"path"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// production is the script that "nest new" writes next to "start", which compiles at every start.
const production = "start:prod"

var outDir = lazyregexp.New(`"outDir"\s*:\s*"([^"]+)"`)

// nestOutput is what "start:prod" runs, else the program that nest-cli.json names: https://docs.nestjs.com/cli/monorepo.
func nestOutput(p *Project) (output, bool) {
	if len(p.scripts()) == 0 {
		return output{}, false
	}
	if p.manifest.Scripts[production] != "" {
		return output{command: p.manager.Name + " run " + production, why: "scripts." + production}, true
	}
	var cli struct {
		EntryFile, Root string
		Monorepo        bool
	}
	text, found, err := p.app.Read(p.in("nest-cli.json"))
	if err != nil || found && json.Unmarshal(text, &cli) != nil {
		return output{}, false
	}
	dir := "dist"
	for _, file := range []string{"tsconfig.build.json", "tsconfig.json"} {
		if text, _, err := p.app.Read(p.in(file)); err == nil {
			if match := outDir().FindSubmatch(text); match != nil {
				dir = path.Clean(string(match[1]))
				break
			}
		}
	}
	if cli.Monorepo {
		dir = path.Join("dist", cli.Root)
	}
	return output{command: "node " + path.Join(dir, cmp.Or(cli.EntryFile, "main")), why: "nest-cli.json"}, true
}
