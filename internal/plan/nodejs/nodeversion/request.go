// Package nodeversion decides which release of Node.js, or of a package manager, fits what an application asks for.
package nodeversion

import (
	"path"
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

// Find gives the first version that is asked for: by the package.json files, then by the files of version managers in the
// folders, each in their order; ok is false when none is.
func Find(a app.App, manifests []packagejson.Manifest, dirs []string) (r Request, ok bool, err error) {
	for _, m := range manifests {
		if r, ok := ofManifest(m); ok {
			return r, true, nil
		}
	}
	for _, dir := range dirs {
		for _, file := range versionFiles {
			name := path.Join(dir, file.name)
			content, found, err := a.Read(name)
			if err != nil {
				return r, false, err
			}
			if !found {
				continue
			}
			if version, line := file.read(strings.TrimPrefix(string(content), "\ufeff")); version != "" {
				return Request{Text: version, Origin: name, Where: problem.Position{File: name, Line: line, Column: 1}}, true, nil
			}
		}
	}
	return r, false, nil
}

// ofManifest gives the version in a package.json.
func ofManifest(m packagejson.Manifest) (Request, bool) {
	if version := m.Engines["node"]; version != "" {
		where := m.Where("engines", "node")
		return Request{Text: version, Origin: "engines.node in " + where.String(), Where: where}, true
	}
	for _, runtime := range m.DevEngines.Runtime {
		if runtime.Name == "node" && runtime.Version != "" {
			where := m.Where("devEngines", "runtime")
			return Request{Text: runtime.Version, Origin: "devEngines.runtime in " + where.String(), Where: where}, true
		}
	}
	if m.Volta.Node != "" {
		where := m.Where("volta", "node")
		return Request{Text: m.Volta.Node, Origin: "volta.node in " + where.String(), Where: where}, true
	}
	return Request{}, false
}
