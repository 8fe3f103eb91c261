package pipeline

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

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// rewrite changes texts in the trees.
func (t trees) rewrite(r plan.Rewrite) error {
	found, err := t.find()
	if err != nil {
		return err
	}
	for _, tree := range found {
		if err := rewriteIn(filepath.Join(t.app, tree), r); err != nil {
			return err
		}
	}
	return nil
}

// rewriteIn changes the texts of files in a folder.
func rewriteIn(dir string, r plan.Rewrite) error {
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

// strip takes off compiled files of the trees what only debuggers read.
func (t trees) strip(patterns []string) error {
	found, err := t.find()
	if err != nil {
		return err
	}
	for _, tree := range found {
		base := filepath.Join(t.app, tree)
		for _, pattern := range patterns {
			names, err := doublestar.Glob(os.DirFS(base), pattern, doublestar.WithNoFollow(), doublestar.WithFilesOnly())
			if err != nil {
				return fmt.Errorf("strip %s: %w", pattern, err)
			}
			for _, name := range names {
				if err := stripSymbols(filepath.Join(base, name)); err != nil {
					return problem.Disk("take the symbol table off "+name, err)
				}
			}
		}
	}
	return nil
}

// join has files of the trees that belong to two places there once, and linked to from the other.
func (t trees) join(twin plan.Twin) error {
	match, err := regexp.Compile(`\A` + twin.Match + `\z`)
	if err != nil {
		return fmt.Errorf("link %s: %w", twin.Match, err)
	}
	found, err := t.find()
	if err != nil {
		return err
	}
	for _, tree := range found {
		base := filepath.Join(t.app, tree)
		err := filepath.WalkDir(base, func(file string, entry fs.DirEntry, err error) error {
			name := strings.TrimPrefix(file, base+"/")
			if err != nil || !entry.Type().IsRegular() || !match.MatchString(name) {
				return err
			}
			into := filepath.Join(base, match.ReplaceAllString(name, twin.Into))
			to := filepath.Join(into, match.ReplaceAllString(name, twin.Name))
			if _, err := os.Stat(into); err != nil {
				return nil
			}
			if other, err := entryDigest(to); err == nil {
				if own, err := entryDigest(file); err != nil || own != other {
					return err
				}
			} else if !os.IsNotExist(err) {
				return err
			}
			target, err := filepath.Rel(filepath.Dir(to), file)
			if err != nil {
				return err
			}
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.RemoveAll(to)); err != nil {
				return err
			}
			return os.Symlink(target, to)
		})
		if err != nil {
			return problem.Disk("link compiled files", err)
		}
	}
	return nil
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
