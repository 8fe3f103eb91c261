package localbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	ignore "github.com/sabhiram/go-gitignore"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// descriptorFile is the project descriptor: https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md. What of it is a platform's is honoured
// as pack does, or named where it cannot be.
const descriptorFile = "project.toml"

// descriptor is a platform's part of it.
type descriptor struct {
	// env are variables for the build.
	env map[string]string
	// keeps reports whether a file, by its path in the application, is given to the build; nil: all are.
	keeps func(name string) bool
	// notes are what is left out, a line each.
	notes []string
}

// platformTable is [io.buildpacks], and [build] of the schema 0.1.
type platformTable struct {
	Include, Exclude []string
	Builder          string
	Group            []groupEntry
	Buildpacks       []groupEntry
	Pre, Post        struct{ Group []groupEntry }
	Build            struct{ Env []envEntry }
	Env              any
}

type groupEntry struct{ ID, Version, URI string }

type envEntry struct{ Name, Value string }

// readDescriptor reads the descriptor of an application. id is the buildpack's.
func readDescriptor(app, id string) (descriptor, error) {
	text, err := os.ReadFile(filepath.Join(app, descriptorFile))
	if errors.Is(err, fs.ErrNotExist) {
		return descriptor{}, nil
	}
	if err != nil {
		return descriptor{}, notRead(err.Error())
	}
	var file struct {
		Underscore struct {
			Version string `toml:"schema-version"`
		} `toml:"_"`
		IO    struct{ Buildpacks platformTable }
		Build platformTable
	}
	if _, err := toml.Decode(strings.TrimPrefix(string(text), "\ufeff"), &file); err != nil {
		// The buildpack tells where.
		return descriptor{}, nil
	}
	t, name := file.IO.Buildpacks, "io.buildpacks"
	if file.Underscore.Version == "" || file.Underscore.Version == "0.1" {
		if t.empty() {
			t, name = file.Build, "build"
			t.Group = append(t.Group, t.Buildpacks...)
		}
	}
	d := descriptor{env: t.variables()}
	if file.Underscore.Version == "" && name == "io.buildpacks" && !t.empty() {
		d.notes = append(d.notes, `pack ignores [io.buildpacks] without schema-version = "0.2" below [_]`)
	}
	if t.Builder != "" {
		d.notes = append(d.notes, name+".builder ("+t.Builder+") is not used: no builder is needed here")
	}
	if err := t.onlyGantry(name, id); err != nil {
		return d, err
	}
	d.keeps, err = t.filter(name)
	return d, err
}

func notRead(why string) error {
	return &problem.Problem{ID: "localbuild/descriptor", Title: descriptorFile + " cannot be honoured", Where: problem.Position{File: descriptorFile}, Why: why,
		Hints: []string{"Change it, or build with pack."}}
}

func (t platformTable) empty() bool {
	return len(t.Include)+len(t.Exclude)+len(t.Group)+len(t.Buildpacks)+len(t.Pre.Group)+len(t.Post.Group)+len(t.variables()) == 0 && t.Builder == ""
}

// variables are those of [[io.buildpacks.build.env]]; [[io.buildpacks.env.build]] and, in the schema 0.1, [[build.env]] are older forms.
func (t platformTable) variables() map[string]string {
	found := map[string]string{}
	for _, entry := range t.Build.Env {
		found[entry.Name] = entry.Value
	}
	older := t.Env
	if table, ok := older.(map[string]any); ok {
		older = table["build"]
	}
	entries, _ := older.([]map[string]any)
	for _, entry := range entries {
		name, _ := entry["name"].(string)
		value, _ := entry["value"].(string)
		if _, set := found[name]; !set && name != "" {
			found[name] = value
		}
	}
	return found
}

// onlyGantry is an error where other buildpacks take part in the build.
func (t platformTable) onlyGantry(name, id string) error {
	for _, list := range []struct {
		key     string
		entries []groupEntry
	}{{"group", t.Group}, {"pre.group", t.Pre.Group}, {"post.group", t.Post.Group}} {
		for _, entry := range list.entries {
			if entry.ID != id || list.key != "group" {
				what := entry.ID
				if what == "" {
					what = entry.URI
				}
				return notRead(fmt.Sprintf("%s.%s names the buildpack %s, and only Gantry builds here", name, list.key, what))
			}
		}
	}
	return nil
}

// filter is pack's: patterns as in .gitignore, for what is left out or for what alone is taken.
func (t platformTable) filter(name string) (func(string) bool, error) {
	switch {
	case len(t.Include) > 0 && len(t.Exclude) > 0:
		return nil, notRead(name + " has both include and exclude")
	case len(t.Exclude) > 0:
		excluded := ignore.CompileIgnoreLines(t.Exclude...)
		return func(file string) bool { return !excluded.MatchesPath(file) }, nil
	case len(t.Include) > 0:
		return ignore.CompileIgnoreLines(t.Include...).MatchesPath, nil
	}
	return nil, nil
}

// Variables gives those of an application's build: what is given, and what its descriptor adds.
func Variables(app string, given map[string]string) (map[string]string, error) {
	d, err := readDescriptor(app, "")
	if err != nil {
		return nil, err
	}
	return d.over(given), nil
}

// over gives the variables of the build: those of the command line come before those of the file.
func (d descriptor) over(given map[string]string) map[string]string {
	all := maps.Clone(d.env)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, given)
	return all
}

// told are the lines about the descriptor: what is honoured, and what is left out.
func (d descriptor) told() []string {
	lines := slices.Clone(d.notes)
	if len(d.env) > 0 {
		lines = append(lines, "variables of the build: "+problem.Some(slices.Sorted(maps.Keys(d.env))))
	}
	if d.keeps != nil {
		lines = append(lines, "some files are left out of the build, as include or exclude says")
	}
	return lines
}
