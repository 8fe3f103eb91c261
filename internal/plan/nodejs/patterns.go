package nodejs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// The bounds of what workspace patterns may ask for: a short one can be made of which the matches take days to find.
const (
	maxPatterns     = 1000
	maxAlternatives = 8
	maxPatternBytes = 1000
	// maxWildcards is how many folders of a pattern may have wildcards before all folders are read once, instead of those that it names.
	maxWildcards = 2
)

// finder gives a function that finds the files of a pattern below a folder. All of its calls walk through the folders once, at most.
func finder(a app.App, root string) func(pattern string) ([]string, error) {
	all := sync.OnceValue(func() []string { return manifests(a, root) })
	return func(pattern string) ([]string, error) {
		if len(pattern) > maxPatternBytes {
			return nil, fmt.Errorf("it has more than %d characters", maxPatternBytes)
		}
		if strings.Count(pattern, "{") > maxAlternatives {
			return nil, fmt.Errorf("it has more than %d groups of alternatives", maxAlternatives)
		}
		wildcards := 0
		for folder := range strings.SplitSeq(pattern, "/") {
			if strings.ContainsAny(folder, "*?[") {
				wildcards++
			}
		}
		if wildcards <= maxWildcards && !strings.Contains(pattern, "**") && !strings.Contains(pattern, "{") {
			return doublestar.Glob(a.FS, pattern, doublestar.WithNoFollow())
		}
		if !doublestar.ValidatePattern(pattern) {
			return nil, doublestar.ErrBadPattern
		}
		return slices.DeleteFunc(slices.Clone(all()), func(file string) bool { return !doublestar.MatchUnvalidated(pattern, file) }), nil
	}
}

// manifests gives all files package.json below a folder, but for those of installed packages.
func manifests(a app.App, root string) (list []string) {
	// What cannot be read is not found.
	_ = fs.WalkDir(a.FS, path.Join(".", root), func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry == nil:
			return err
		case entry.IsDir() && (entry.Name() == packagesDir || entry.Name() == ".git"):
			return fs.SkipDir
		case entry.Name() == packagejson.Name && !entry.IsDir():
			list = append(list, name)
		}
		return nil
	})
	return list
}

func badPatterns(title string, where problem.Position, err error) error {
	why := err.Error()
	if errors.Is(err, doublestar.ErrBadPattern) {
		why = "it is no pattern: a bracket or brace is not closed, or is empty"
	}
	return &problem.Problem{
		ID: "node/workspaces-invalid", Title: title, Where: where, Why: why,
		Hints: []string{`Write folders or patterns such as "packages/*".`}, Err: err,
	}
}

// shortened is the beginning of a text that may be long.
func shortened(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
