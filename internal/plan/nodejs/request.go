package nodejs

import (
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/toolversions"
)

// request is a version that somebody asks for: a range or an alias, and where it is written.
type request struct {
	text   string
	origin string
	where  problem.Position
}

// versionFiles are the files of version managers, in the order in which they count, after package.json.
var versionFiles = []struct {
	name string
	read func(text string) (version string, line int)
}{
	{".nvmrc", toolversions.FirstLine}, {".node-version", toolversions.FirstLine}, {".tool-versions", toolVersions},
	{"mise.toml", miseTools}, {".mise.toml", miseTools}, {".config/mise.toml", miseTools},
}

func toolVersions(text string) (string, int) {
	return toolversions.ToolVersions(text, "nodejs", "node")
}

func miseTools(text string) (string, int) { return toolversions.Mise(text, "node", "nodejs") }

// requested gives the version that the application asks for; ok is false when it asks for none. What the application
// itself says counts before what the root of its workspaces says.
func (p *Project) requested() (r request, ok bool, err error) {
	if s := p.settings.NodeVersion; s.IsSet() && s.Value != "" {
		return request{text: s.Value, origin: s.Origin, where: s.Where}, true, nil
	}
	manifests := []manifest{p.manifest}
	dirs := []string{p.dir}
	if p.selected() {
		manifests, dirs = append(manifests, p.top), append(dirs, p.root)
	}
	if p.root != "" {
		dirs = append(dirs, "")
	}
	for _, m := range manifests {
		if r, ok := m.asksFor(); ok {
			return r, true, nil
		}
	}
	for _, dir := range dirs {
		for _, file := range versionFiles {
			name := path.Join(dir, file.name)
			content, found, err := p.app.Read(name)
			if err != nil {
				return r, false, err
			}
			if !found {
				continue
			}
			if version, line := file.read(strings.TrimPrefix(string(content), "\ufeff")); version != "" {
				return request{text: version, origin: name, where: problem.Position{File: name, Line: line, Column: 1}}, true, nil
			}
		}
	}
	return r, false, nil
}

// asksFor gives the version in a package.json.
func (m manifest) asksFor() (request, bool) {
	if version := m.Engines["node"]; version != "" {
		where := m.where("engines", "node")
		return request{text: version, origin: "engines.node in " + where.String(), where: where}, true
	}
	for _, runtime := range m.DevEngines.Runtime {
		if runtime.Name == "node" && runtime.Version != "" {
			where := m.where("devEngines", "runtime")
			return request{text: runtime.Version, origin: "devEngines.runtime in " + where.String(), where: where}, true
		}
	}
	if m.Volta.Node != "" {
		where := m.where("volta", "node")
		return request{text: m.Volta.Node, origin: "volta.node in " + where.String(), where: where}, true
	}
	return request{}, false
}
