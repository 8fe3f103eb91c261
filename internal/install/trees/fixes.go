package trees

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/install/elffile"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Fix changes what an installation has made.
func (t Trees) Fix(f plan.Fixes) error {
	found, err := t.Find()
	if err != nil {
		return err
	}
	for _, tree := range found {
		base := filepath.Join(t.App, tree)
		for _, r := range f.Rewrites {
			if err := RewriteIn(base, r); err != nil {
				return err
			}
		}
		if err := strip(base, f.Strip); err != nil {
			return err
		}
		for _, d := range f.Duplicates {
			if err := linkDuplicates(base, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// RewriteIn changes the texts of files in a folder.
func RewriteIn(dir string, r plan.Rewrite) error {
	match, err := regexp.Compile(r.Match)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", r.Files, err)
	}
	names, err := doublestar.Glob(os.DirFS(dir), r.Files, doublestar.WithNoFollow(), doublestar.WithFilesOnly())
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", r.Files, err)
	}
	for _, name := range names {
		if err := rewriteFile(filepath.Join(dir, name), match, r.With); err != nil {
			return problem.Disk("change "+name, err)
		}
	}
	return nil
}

// strip removes from compiled files in a folder what only debuggers read.
func strip(base string, patterns []string) error {
	for _, pattern := range patterns {
		names, err := doublestar.Glob(os.DirFS(base), pattern, doublestar.WithNoFollow(), doublestar.WithFilesOnly())
		if err != nil {
			return fmt.Errorf("strip %s: %w", pattern, err)
		}
		for _, name := range names {
			if err := elffile.StripInPlace(filepath.Join(base, name)); err != nil {
				return problem.Disk("remove the symbol table of "+name, err)
			}
		}
	}
	return nil
}

// linkDuplicates replaces files that belong to two places by a link in the second.
func linkDuplicates(base string, d plan.DuplicateFile) error {
	match, err := regexp.Compile(`\A` + d.Match + `\z`)
	if err != nil {
		return fmt.Errorf("link %s: %w", d.Match, err)
	}
	err = filepath.WalkDir(base, func(file string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(file, base+"/")
		if err != nil || !entry.Type().IsRegular() || !match.MatchString(name) {
			return err
		}
		into := filepath.Join(base, match.ReplaceAllString(name, d.Into))
		if _, err := os.Stat(into); err != nil {
			return nil
		}
		return linkDuplicate(file, filepath.Join(into, match.ReplaceAllString(name, d.Name)))
	})
	if err != nil {
		return problem.Disk("link compiled files", err)
	}
	return nil
}

// linkDuplicate puts a link to a file in a place, unless another file is there.
func linkDuplicate(file, place string) error {
	if other, err := files.EntryDigest(place); err == nil {
		if own, err := files.EntryDigest(file); err != nil || own != other {
			return err
		}
	} else if !os.IsNotExist(err) {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(place), file)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), os.RemoveAll(place)); err != nil {
		return err
	}
	return os.Symlink(target, place)
}

func rewriteFile(file string, match *regexp.Regexp, with string) error {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	at := match.FindIndex(text)
	if at == nil {
		return nil
	}
	changed := slices.Concat(text[:at[0]], []byte(with), text[at[1]:])
	return os.WriteFile(file, changed, info.Mode().Perm())
}
