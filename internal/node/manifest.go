package node

import (
	"bytes"
	"encoding/json"

	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const manifestFile = "package.json"

// manifest is what matters of package.json: https://docs.npmjs.com/cli/configuring-npm/package-json.
type manifest struct {
	text []byte

	Name           string            `json:"name"`
	Main           string            `json:"main"`
	Scripts        map[string]string `json:"scripts"`
	Engines        engines           `json:"engines"`
	PackageManager string            `json:"packageManager"`

	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`

	Workspaces workspaces `json:"workspaces"`
}

// engines is an object; the array of very old packages says nothing to npm either.
type engines struct {
	Node string `json:"node"`
}

func (e *engines) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return nil
	}
	type plain engines
	return json.Unmarshal(text, (*plain)(e))
}

// workspaces is a list of patterns, or an object with such a list (Yarn's form, which npm accepts).
type workspaces []string

func (w *workspaces) UnmarshalJSON(text []byte) error {
	if text[0] == '{' {
		var object struct{ Packages []string }
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		*w = object.Packages
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

func readManifest(a app.App) (m manifest, found bool, err error) {
	text, found, err := a.Read(manifestFile)
	if err != nil || !found {
		return m, found, err
	}
	m.text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := json.Unmarshal(m.text, &m); err != nil {
		return m, true, problem.JSON("node/package-json-invalid", manifestFile, m.text, err)
	}
	return m, true, nil
}

func (m manifest) where(path ...string) problem.Position {
	return problem.InJSON(manifestFile, m.text, path...)
}

func (m manifest) hasDependencies() bool {
	return len(m.Dependencies)+len(m.DevDependencies)+len(m.OptionalDependencies)+len(m.PeerDependencies)+len(m.Workspaces) > 0
}
