package pkgmanager

import (
	"bytes"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// useNodeVersion finds pnpm's setting in an .npmrc: https://pnpm.io/9.x/npmrc#use-node-version.
var useNodeVersion = lazyregexp.New(`(?m)^\s*use-node-version\s*=\s*["']?([^\s"'#;]+)`)

// pinnedRuntime finds the version that pnpm's lockfile pins where a package.json has a runtime with onFail "download":
// https://pnpm.io/package_json#devenginesruntime.
var pinnedRuntime = lazyregexp.New(`(?m)^ +node:\n +specifier: ['"]?runtime:[^\n]+\n +version: ['"]?runtime:([0-9][^\s'"]*)`)

// PNPMNodeVersion gives the versions of Node.js that pnpm runs scripts with: of the packages
// (https://pnpm.io/settings#executionenvnodeversion), of the workspaces' root (https://pnpm.io/settings#usenodeversion), and of its lockfile.
func PNPMNodeVersion(a app.App, manifests []packagejson.Manifest, root string) (list []nodeversion.Request, err error) {
	add := func(version, name string, where problem.Position) {
		if version != "" {
			list = append(list, nodeversion.Request{Text: version, Origin: name + " in " + where.String(), Where: where})
		}
	}
	for _, m := range manifests {
		add(m.PNPM.ExecutionEnv.NodeVersion, "pnpm.executionEnv.nodeVersion", m.Where("pnpm", "executionEnv", "nodeVersion"))
	}
	file := path.Join(root, PNPMWorkspace)
	text, found, err := a.Read(file)
	if err != nil {
		return nil, err
	}
	var workspace yaml.Node
	// A file that is no YAML is told of where the workspaces are read.
	if found && yaml.Unmarshal(text, &workspace) == nil {
		for _, keys := range [][]string{{"executionEnv", "nodeVersion"}, {"useNodeVersion"}} {
			if value := valueAt(&workspace, keys); value != nil {
				add(value.Value, strings.Join(keys, "."), problem.Position{File: file, Line: value.Line, Column: value.Column})
			}
		}
	}
	file = path.Join(root, ".npmrc")
	if text, _, err = a.Read(file); err != nil {
		return nil, err
	}
	if at := useNodeVersion().FindSubmatchIndex(text); at != nil {
		add(string(text[at[2]:at[3]]), "use-node-version", problem.Position{File: file, Line: 1 + bytes.Count(text[:at[2]], []byte("\n")), Column: 1})
	}
	file = path.Join(root, "pnpm-lock.yaml")
	if text, _, err = a.Read(file); err != nil {
		return nil, err
	}
	if at := pinnedRuntime().FindSubmatchIndex(text); at != nil {
		add(string(text[at[2]:at[3]]), "the runtime", problem.Position{File: file, Line: 1 + bytes.Count(text[:at[2]], []byte("\n")), Column: 1})
	}
	return list, nil
}

// valueAt gives the text at a place in a document; nil when there is none.
func valueAt(node *yaml.Node, keys []string) *yaml.Node {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, key := range keys {
		if node.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				next = node.Content[i+1]
			}
		}
		if next == nil {
			return nil
		}
		node = next
	}
	if node.Kind != yaml.ScalarNode {
		return nil
	}
	return node
}
