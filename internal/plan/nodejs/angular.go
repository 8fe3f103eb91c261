package nodejs

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// angularOutput reads angular.json: https://angular.dev/reference/configs/workspace-config.
func angularOutput(p *Project) (output, bool) {
	text, found, err := p.app.Read(p.in("angular.json"))
	if err != nil || !found {
		return output{}, false
	}
	var workspace struct {
		Projects map[string]struct {
			ProjectType string
			Architect   struct {
				Build struct {
					Builder string
					Options struct {
						OutputPath  any
						SSR, Server any
					}
				}
			}
		}
	}
	if json.Unmarshal(text, &workspace) != nil {
		return output{}, false
	}
	for _, name := range slices.Sorted(maps.Keys(workspace.Projects)) {
		project := workspace.Projects[name]
		if project.ProjectType != "application" {
			continue
		}
		build := project.Architect.Build
		base, browser := path.Join("dist", name), "browser"
		switch value := build.Options.OutputPath.(type) {
		case string:
			base = value
		case map[string]any:
			if text, ok := value["base"].(string); ok {
				base = text
			}
			if text, ok := value["browser"].(string); ok {
				browser = text
			}
		}
		if strings.HasSuffix(build.Builder, ":browser") {
			return output{static: base, why: "angular.json"}, true
		}
		if build.Options.SSR != nil && build.Options.SSR != false {
			return output{command: "node " + plan.Quote(path.Join(base, "server/server.mjs"))}, true
		}
		return output{static: path.Join(base, browser), why: "angular.json"}, true
	}
	return output{}, false
}

var allowedHosts = lazyregexp.New(`"allowedHosts"\s*:\s*\[\s*"`)

// allowsHosts reports whether the security options of angular.json name hosts.
func (p *Project) allowsHosts() bool {
	text, _, err := p.app.Read(p.in("angular.json"))
	return err == nil && allowedHosts().Match(text)
}
