// Package nodeversion decides which release of Node.js, or of a package manager, fits what an application asks for.
package nodeversion

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/toolversions"
)

// Request is a version that is asked for.
type Request struct {
	// Text is a range or an alias, Origin says for people where it is written, and Where is its place; zero for a variable.
	Text   string
	Origin string
	Where  problem.Position
}

// Place is where the request is written; it names the variable when it comes from one.
func (r Request) Place() problem.Position {
	if r.Where.File == "" {
		return problem.Position{File: r.Origin}
	}
	return r.Where
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

// All gives the versions that are asked for, the one that counts first: by the package.json files, then by the files of version
// managers in the folders, each in their order.
func All(a app.App, manifests []packagejson.Manifest, dirs []string) (list []Request, err error) {
	for _, m := range manifests {
		list = append(list, ofManifest(m)...)
	}
	for _, dir := range dirs {
		for _, file := range versionFiles {
			name := path.Join(dir, file.name)
			content, found, err := a.Read(name)
			if err != nil {
				return nil, err
			}
			if !found {
				continue
			}
			if version, line := file.read(strings.TrimPrefix(string(content), "\ufeff")); version != "" {
				list = append(list, Request{Text: version, Origin: name, Where: problem.Position{File: name, Line: line, Column: 1}})
			}
		}
	}
	return list, nil
}

// ofManifest gives the versions in a package.json.
func ofManifest(m packagejson.Manifest) (list []Request) {
	add := func(version string, keys ...string) {
		if version != "" {
			where := m.Where(keys...)
			list = append(list, Request{Text: version, Origin: strings.Join(keys, ".") + " in " + where.String(), Where: where})
		}
	}
	first := func(requirements []packagejson.Requirement) string {
		i := slices.IndexFunc(requirements, func(r packagejson.Requirement) bool { return r.Name == "node" })
		if i < 0 {
			return ""
		}
		return requirements[i].Version
	}
	add(m.Engines.Versions["node"], "engines", "node")
	add(first(m.Engines.Runtime), "engines", "runtime")
	add(first(m.DevEngines.Runtime), "devEngines", "runtime")
	add(m.Volta.Node, "volta", "node")
	return list
}
