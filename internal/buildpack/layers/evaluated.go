package layers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// evaluatedKey is the name, in the metadata of layers of packages, of what the evaluation of the manifest looked at, and filesKey of the
// application's files in the image that are other than in the source.
const (
	evaluatedKey = "evaluated"
	filesKey     = "files"
)

// Evaluated is what the evaluation of a manifest that is a program looked at, besides the installation's inputs, and what came of it.
type Evaluated struct {
	// Reads are of the kinds of plan.Read, each as "KIND NAME".
	Reads []string
	// Files are texts of the application's files in the image, by their names.
	Files map[string]string
}

// EvaluatedOf gives what a layer's metadata keeps.
func EvaluatedOf(metadata map[string]any) Evaluated {
	e := Evaluated{Reads: Strings(metadata[evaluatedKey]), Files: map[string]string{}}
	table, _ := metadata[filesKey].(map[string]any)
	for name, text := range table {
		e.Files[name] = fmt.Sprint(text)
	}
	return e
}

// Keep writes it into a layer's metadata.
func (e Evaluated) Keep(metadata map[string]any) {
	if len(e.Reads) > 0 {
		metadata[evaluatedKey] = e.Reads
	}
	if len(e.Files) > 0 {
		table := map[string]any{}
		for name, text := range e.Files {
			table[name] = text
		}
		metadata[filesKey] = table
	}
}

// Write puts the files into the application.
func (e Evaluated) Write(app string) error {
	if len(e.Files) == 0 {
		return nil
	}
	root, err := os.OpenRoot(app)
	if err != nil {
		return problem.Unreadable("open the application", err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		if err := root.WriteFile(name, []byte(e.Files[name]), 0o644); err != nil {
			return problem.Disk("write "+name, err)
		}
	}
	return nil
}

// Variables are the names of the variables that were looked at.
func (e Evaluated) Variables() (names []string) { return e.of(plan.ReadVariable) }

// Programs are the names of the programs that were run.
func (e Evaluated) Programs() (names []string) { return e.of(plan.ReadProgram) }

func (e Evaluated) of(kind string) (names []string) {
	for _, text := range e.Reads {
		if of, name, _ := strings.Cut(text, " "); of == kind {
			names = append(names, name)
		}
	}
	return names
}

// Inputs gives what it, called of, looked at as it is now, besides the inputs of an installation. again says why nobody can know whether the evaluation would come to the same; empty if
// it would.
func (e Evaluated) Inputs(s session.Session, of string, in plan.Install, t plan.Toolchain) (inputs layer.Inputs, again string, err error) {
	inputs = layer.Inputs{}
	by := " (" + of + " reads it)"
	values := given(s, t)
	for _, text := range e.Reads {
		kind, name, _ := strings.Cut(text, " ")
		switch kind {
		case plan.ReadVariable:
			inputs["the variable "+name+by] = variableDigest(values, name, in)
		case plan.ReadRuntime:
			inputs[t.Runtime.Title] = t.Runtime.Release.Version
		case plan.ReadProgram:
			again = fmt.Sprintf("%s runs %s, and what that answers may change", of, name)
		case plan.ReadNetwork:
			again = of + " asks the network, and what that answers may change"
		default:
			if slices.Contains(in.Inputs.Files, name) {
				continue
			}
			if inputs[strings.TrimPrefix(kind+" ", plan.ReadFile+" ")+name+by], err = readDigest(s.App, kind, name, in); err != nil {
				return inputs, again, err
			}
		}
	}
	return inputs, again, nil
}

// given are the variables that the user and the plan give the build; others are the same in every build, or the build's own affair.
func given(s session.Session, t plan.Toolchain) map[string]string {
	values := maps.Clone(t.Env)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, s.Given())
	maps.Copy(values, t.Fixed)
	return values
}

// variableDigest sums up a variable's value, which may be a secret, so that nobody can look it up: the digest depends on the packages.
func variableDigest(values map[string]string, name string, in plan.Install) string {
	names := []string{name}
	if name == "*" {
		names = slices.Sorted(maps.Keys(values))
	}
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, in.Inputs.Files, in.List.Packages)
	for _, name := range names {
		value, set := values[name]
		_, _ = fmt.Fprintf(sum, "%s\x00%t\x00%s\x00", name, set, value)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// readDigest sums up what was read of the application.
func readDigest(app, kind, name string, in plan.Install) (string, error) {
	if !filepath.IsLocal(name) {
		return "", nil
	}
	file := filepath.Join(app, name)
	switch kind {
	case plan.ReadGlob:
		names, err := doublestar.Glob(os.DirFS(app), path.Clean(name))
		if err != nil {
			return "not a pattern", nil
		}
		slices.Sort(names)
		return layer.Digest([]byte(strings.Join(names, "\n"))), nil
	case plan.ReadChildren:
		entries, err := os.ReadDir(file)
		var names []string
		for _, entry := range entries {
			// What is installed, or the folder that is made for it, may be there or not.
			inside := filepath.Join(name, entry.Name())
			if !slices.ContainsFunc(in.Trees.Dirs, func(dir string) bool { return dir == inside || strings.HasPrefix(dir, inside+"/") }) {
				names = append(names, entry.Name())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return "none", nil
		}
		return layer.Digest([]byte(strings.Join(names, "\n"))), err
	case plan.ReadNames:
		var names []string
		err := filepath.WalkDir(file, func(at string, entry fs.DirEntry, err error) error {
			inside, _ := filepath.Rel(app, at)
			if err == nil && entry.IsDir() && (slices.Contains(in.Trees.Dirs, inside) || inside == ".git") {
				return fs.SkipDir
			}
			names = append(names, at)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			return "none", nil
		}
		return layer.Digest([]byte(strings.Join(names, "\n"))), err
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "missing", nil
	case info.IsDir():
		return "a folder", nil
	}
	digest, err := files.ContentDigest(file)
	if err != nil {
		return "", problem.Unreadable("read "+name, err)
	}
	return digest, nil
}
