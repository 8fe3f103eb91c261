package npm

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// manifest is a package.json of the application: its own, or that of a workspace or "file:" folder.
type manifest struct {
	description
	Overrides json.RawMessage
	Scripts   map[string]any

	text   []byte
	fields map[string]json.RawMessage
}

// foreignKeys are left to npm: each changes the tree in ways that are npm's own.
var foreignKeys = []string{"acceptDependencies", "patchedDependencies", "packageExtensions"}

// installScripts are those that npm runs for a package when it is installed, and for a link.
var installScripts = []string{"preinstall", "install", "postinstall", "prepare"}

func readManifest(dir, folder string) (manifest, error) {
	file := filepath.Join(folder, "package.json")
	m := manifest{}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if os.IsNotExist(err) {
		return m, unsupported("there is no %s", file)
	}
	if err != nil {
		return m, problem.Unreadable("read "+file, err)
	}
	m.text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if json.Unmarshal(m.text, &m) != nil || json.Unmarshal(m.text, &m.fields) != nil {
		return m, unsupported("%s is not understood", file)
	}
	for _, key := range foreignKeys {
		if value := string(m.fields[key]); value != "" && value != "{}" && value != "[]" && value != "null" {
			return m, unsupported("%s has %s", file, key)
		}
	}
	if folder != "" && slices.ContainsFunc(installScripts, func(name string) bool { return m.Scripts[name] != nil }) {
		return m, unsupported("%s has install scripts", file)
	}
	if folder != "" && m.fields["directories"] != nil && bytes.Contains(m.fields["directories"], []byte(`"bin"`)) {
		return m, unsupported("%s has a folder of commands", file)
	}
	return m, nil
}
