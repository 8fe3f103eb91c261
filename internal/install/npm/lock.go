// Package npm installs packages from npm's lockfile without npm: it makes the tree that "npm ci" makes, byte for byte.
// What it does not know how to do in the same way it refuses with a reason, and npm does it instead. The rules are those
// of npm 9 to 11: of Arborist, pacote and bin-links, https://github.com/npm/cli/tree/latest/workspaces/arborist.
package npm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Unsupported is the reason why a tree is left to npm. It is no fault of the application's.
type Unsupported struct{ Why string }

// Error gives the reason.
func (u Unsupported) Error() string { return u.Why }

func unsupported(format string, arguments ...any) error {
	return Unsupported{fmt.Sprintf(format, arguments...)}
}

// IsUnsupported gives the reason why a tree is left to npm.
func IsUnsupported(err error) (why string, ok bool) {
	u, ok := errors.AsType[Unsupported](err)
	return u.Why, ok
}

// description is what a package.json, or a lockfile's entry for it, says of a package's dependencies.
type description struct {
	Name, Version        string
	Dependencies         map[string]string
	DevDependencies      map[string]string
	OptionalDependencies map[string]string
	PeerDependencies     map[string]string
	PeerDependenciesMeta map[string]struct{ Optional bool }
	BundleDependencies   json.RawMessage
	Bin                  json.RawMessage
}

// entry is one package of a lockfile: https://docs.npmjs.com/cli/configuring-npm/package-lock-json#packages.
type entry struct {
	description
	Resolved, Integrity string
	// Link: the folder is a symbolic link to Resolved, a workspace or a "file:" dependency.
	Link             bool
	InBundle         bool
	HasShrinkwrap    bool
	HasInstallScript bool
	Engines          engines
	OS, CPU, Libc    stringList

	// fields are the entry's values as they are written.
	fields map[string]json.RawMessage
}

// engines is an object; the list of very old packages means nothing.
type engines struct{ Node, NPM string }

func (e *engines) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return nil
	}
	var raw struct{ Node, NPM any }
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	e.Node, _ = raw.Node.(string)
	e.NPM, _ = raw.NPM.(string)
	return nil
}

// stringList is a list, or a single string.
type stringList []string

func (l *stringList) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		*l = make(stringList, 1)
		return json.Unmarshal(text, &(*l)[0])
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// lock is a lockfile: its packages by their folder.
type lock struct {
	name, version json.RawMessage
	packages      map[string]*entry
}

func parseLock(file string, text []byte) (*lock, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var header struct {
		Name, Version   json.RawMessage
		LockfileVersion json.Number
		Packages        map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, problem.JSON("node/lockfile-invalid", file, text, err)
	}
	if header.LockfileVersion != "2" && header.LockfileVersion != "3" {
		return nil, unsupported("%s has a format other than 2 and 3", file)
	}
	l := &lock{name: header.Name, version: header.Version, packages: map[string]*entry{}}
	folded := map[string]string{}
	for key, raw := range header.Packages {
		e := &entry{}
		if json.Unmarshal(raw, e) != nil || json.Unmarshal(raw, &e.fields) != nil {
			return nil, unsupported("%s has an entry for %s that is not understood", file, key)
		}
		if err := acceptable(key, e); err != nil {
			return nil, err
		}
		lower := strings.ToLower(key)
		if other, twice := folded[lower]; twice {
			return nil, unsupported("%s and %s differ in case only", min(other, key), max(other, key))
		}
		folded[lower] = key
		l.packages[key] = e
	}
	return l, nil
}

// acceptable refuses entries that are installed in ways that are npm's own.
func acceptable(key string, e *entry) error {
	if key == "" {
		return nil
	}
	name := nameOf(key)
	switch {
	case !filepath.IsLocal(key) || path.Clean(key) != key || strings.Contains(key, `\`) || !plainASCII(key):
		return unsupported("%q is not a package's folder", key)
	case inModules(key) && !isPackageName(name):
		return unsupported("%q is not a package's name", name)
	case e.Link && (!filepath.IsLocal(e.Resolved) || path.Clean(e.Resolved) != e.Resolved || inModules(e.Resolved)):
		return unsupported("%s is a link that leaves the application", key)
	case e.Link:
		return nil
	case e.HasShrinkwrap:
		return unsupported("%s has a lockfile of its own", name)
	case !inModules(key) || e.InBundle:
		return nil
	case e.Version == "":
		return unsupported("%s has no version", name)
	case e.Resolved != "" && !isWeb(e.Resolved) && !isTarball(e.Resolved):
		return unsupported("%s comes from neither a registry nor an archive", name)
	case e.Integrity == "" && isTarball(e.Resolved):
		return unsupported("%s has no integrity in the lockfile", name)
	}
	return nil
}

// isWeb and isTarball tell what a "resolved" or a specification is; neither is a git repository or a folder.
func isWeb(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
}

func isTarball(text string) bool {
	file, ok := strings.CutPrefix(text, "file:")
	return ok && filepath.IsLocal(file) && (strings.HasSuffix(file, ".tgz") || strings.HasSuffix(file, ".tar.gz") || strings.HasSuffix(file, ".tar"))
}

const modules = "node_modules"

// inModules reports whether a folder is in a node_modules; the others are workspaces and "file:" folders.
func inModules(key string) bool {
	return strings.HasPrefix(key, modules+"/") || strings.Contains(key, "/"+modules+"/")
}

// nameOf gives the name under which a folder's package is required.
func nameOf(key string) string {
	if i := strings.LastIndex(key, modules+"/"); i >= 0 {
		return key[i+len(modules)+1:]
	}
	// @npmcli/name-from-folder
	base, scope := path.Base(key), path.Base(path.Dir(key))
	if strings.HasPrefix(scope, "@") {
		return scope + "/" + base
	}
	return base
}

// isPackageName reports whether a name is one folder, or two of which the first is a scope.
func isPackageName(name string) bool {
	scope, rest, scoped := strings.Cut(name, "/")
	if scoped {
		return len(scope) > 1 && scope[0] == '@' && rest != "" && !strings.Contains(rest, "/")
	}
	return name != "" && name[0] != '@' && name[0] != '.'
}

func plainASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
