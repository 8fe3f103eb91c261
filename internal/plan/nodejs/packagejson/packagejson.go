// Package packagejson reads package.json: https://docs.npmjs.com/cli/configuring-npm/package-json. It knows how things are
// written; what they mean for a build is decided elsewhere.
package packagejson

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Name is the file's name.
const Name = "package.json"

// Manifest is what matters of package.json: https://docs.npmjs.com/cli/configuring-npm/package-json.
type Manifest struct {
	// Text is the file's, and File its name, relative to the source tree.
	Text []byte `json:"-"`
	File string `json:"-"`

	Name           string            `json:"name"`
	Version        string            `json:"version"`
	Description    string            `json:"description"`
	License        any               `json:"license"`
	Repository     any               `json:"repository"`
	Main           string            `json:"main"`
	Module         string            `json:"module"`
	Gypfile        any               `json:"gypfile"`
	Scripts        map[string]string `json:"scripts"`
	Engines        engines           `json:"engines"`
	DevEngines     devEngines        `json:"devEngines"`
	Volta          volta             `json:"volta"`
	Prisma         prismaOptions
	PackageManager string        `json:"packageManager"`
	PNPM           pnpmOptions   `json:"pnpm"`
	Config         packageConfig `json:"config"`

	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`

	Workspaces workspaces `json:"workspaces"`

	Cached    folders `json:"cacheDirectories"`
	CachedToo folders `json:"cache_directories"`
}

// CacheDirectories are folders of the application that are kept from build to build, as Heroku has it:
// https://devcenter.heroku.com/articles/nodejs-classic-buildpack-builds#specify-cache-directories.
func (m Manifest) CacheDirectories() (list []string) {
	for _, dir := range append(slices.Clone(m.Cached), m.CachedToo...) {
		if dir = path.Clean(dir); fs.ValidPath(dir) && dir != "." {
			list = append(list, dir)
		}
	}
	return list
}

// folders are names of folders.
type folders []string

// UnmarshalJSON passes over what is of another form: it is another program's own.
func (f *folders) UnmarshalJSON(text []byte) error {
	_ = json.Unmarshal(text, (*[]string)(f))
	return nil
}

// prismaOptions are those in package.json: https://www.prisma.io/docs/orm/reference/prisma-config-reference.
// volta: https://docs.volta.sh/advanced/workspaces.
type volta struct{ Node, Extends string }

type prismaOptions struct{ Schema string }

// UnmarshalJSON passes over what is of another form: it is Prisma's own.
func (o *prismaOptions) UnmarshalJSON(text []byte) error {
	type plain prismaOptions
	_ = json.Unmarshal(text, (*plain)(o))
	return nil
}

// pnpmOptions are those in package.json that say which Node.js runs: https://pnpm.io/settings#executionenvnodeversion.
type pnpmOptions struct {
	ExecutionEnv struct {
		NodeVersion string `json:"nodeVersion"`
	} `json:"executionEnv"`
}

// UnmarshalJSON passes over what is of another form: it is pnpm's own.
func (o *pnpmOptions) UnmarshalJSON(text []byte) error {
	type plain pnpmOptions
	_ = json.Unmarshal(text, (*plain)(o))
	return nil
}

// engines are versions by the names of programs. Runtime is the object of that name, which pnpm knows:
// https://pnpm.io/package_json#enginesruntime.
type engines struct {
	Versions map[string]string
	Runtime  requirements
}

// UnmarshalJSON passes over what npm passes over: the array of very old packages, and values that are no text.
func (e *engines) UnmarshalJSON(text []byte) error {
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil {
		return nil
	}
	e.Versions = map[string]string{}
	for name, value := range values {
		var version string
		switch {
		case json.Unmarshal(value, &version) == nil:
			e.Versions[name] = version
		case name == "runtime":
			_ = json.Unmarshal(value, &e.Runtime)
		}
	}
	return nil
}

// devEngines says what developers must have: https://docs.npmjs.com/cli/configuring-npm/package-json#devengines.
type devEngines struct {
	Runtime        requirements `json:"runtime"`
	PackageManager requirements `json:"packageManager"`
}

// requirements is an object, or a list of them, of which the first counts that is known.
type requirements []Requirement

// Requirement is one of them. OnFail says what happens where something else is there: error (where it is empty), warn, ignore or
// download.
type Requirement struct{ Name, Version, OnFail string }

// IsAdvice reports whether something else may be there.
func (r Requirement) IsAdvice() bool { return r.OnFail == "warn" || r.OnFail == "ignore" }

func (r *requirements) UnmarshalJSON(text []byte) error {
	if text[0] == '{' {
		text = append(append([]byte{'['}, text...), ']')
	}
	type plain requirements
	return json.Unmarshal(text, (*plain)(r))
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

// Read gives the package.json in a folder of the source tree.
func Read(a app.App, dir string) (m Manifest, found bool, err error) {
	m.File = path.Join(dir, Name)
	text, found, err := a.Read(m.File)
	if err != nil || !found {
		return m, found, err
	}
	m.Text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := json.Unmarshal(m.Text, &m); err != nil {
		return m, true, problem.JSON("node/package-json-invalid", m.File, m.Text, err)
	}
	return m, true, nil
}

// Where gives the place of a value, by the keys that lead to it.
func (m Manifest) Where(path ...string) problem.Position {
	return problem.InJSON(m.File, m.Text, path...)
}

// HasDependencies reports whether anything is to be installed.
func (m Manifest) HasDependencies() bool {
	return len(m.Dependencies)+len(m.DevDependencies)+len(m.OptionalDependencies)+len(m.PeerDependencies)+len(m.Workspaces) > 0
}

// Uses reports whether a package is among the dependencies of any kind, and whether the running application has it.
func (m Manifest) Uses(name string) (any, atLaunch bool) {
	for _, list := range []map[string]string{m.Dependencies, m.OptionalDependencies, m.PeerDependencies} {
		if _, there := list[name]; there {
			return true, true
		}
	}
	_, there := m.DevDependencies[name]
	return there, false
}

// Has reports whether a package is among the dependencies of any kind.
func (m Manifest) Has(name string) bool {
	found, _ := m.Uses(name)
	return found
}
