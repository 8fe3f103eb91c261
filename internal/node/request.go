package node

import (
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/gantry-buildpack/gantry/internal/problem"
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
	{".nvmrc", firstLine}, {".node-version", firstLine}, {".tool-versions", toolVersions},
	{"mise.toml", miseTools}, {".mise.toml", miseTools}, {".config/mise.toml", miseTools},
}

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

// firstLine reads a file that holds nothing but a version: https://github.com/nvm-sh/nvm#nvmrc.
func firstLine(text string) (version string, number int) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			return line, i + 1
		}
	}
	return "", 0
}

// toolVersions reads asdf's file; of several versions the first counts:
// https://asdf-vm.com/manage/configuration.html#tool-versions.
func toolVersions(text string) (version string, number int) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "nodejs" || words[0] == "node") && words[1] != "system" {
			return words[1], i + 1
		}
	}
	return "", 0
}

// miseTools reads [tools] of mise's file: https://mise.jdx.dev/configuration.html#tools. One that is no TOML says nothing
// of Node.js; mise itself complains of it.
func miseTools(text string) (version string, number int) {
	var file struct{ Tools map[string]any }
	if toml.Unmarshal([]byte(text), &file) != nil {
		return "", 0
	}
	for _, name := range []string{"node", "nodejs"} {
		value := file.Tools[name]
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		if table, ok := value.(map[string]any); ok {
			value = table["version"]
		}
		if version, ok := value.(string); ok && version != "system" {
			for i, line := range strings.Split(text, "\n") {
				key, _, _ := strings.Cut(line, "=")
				if strings.Trim(key, " \t\"'") == name {
					number = i + 1
				}
			}
			return version, number
		}
	}
	return "", 0
}
