package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// documentation is what nobody reads in an image: manuals, translations, and records of packages' changes. Licences stay.
var documentation = regexp.MustCompile(`^usr/share/(?:man|info|locale|lintian|bug|doc-base|menu|linda|gcc|gdb|pixmaps|bash-completion|zsh|perl/[^/]+/pod)(?:/|$)` +
	`|^usr/share/doc/(?:.+/)?[^/]*(?:changelog|NEWS|README|TODO|AUTHORS|THANKS|FAQ|BUGS|HACKING)[^/]*$|^usr/share/doc/[^/]+/(?:examples|html|contrib)(?:/|$)` +
	`|^usr/share/zoneinfo/(?:right|posix)(?:/|$)|^(?:var/cache|var/lib/apt|etc/cron[^/]*|usr/lib/systemd|usr/share/i18n/locales)(?:/|$)`)

// IsDocumentation reports whether a file of a package is of no use in an image.
func IsDocumentation(name string) bool { return documentation.MatchString(name) }

// Overlay unpacks packages into a folder in which they work, though that is not the root of the file system: links lead to each
// other's places there, and files that name places name those. What needs variables for that gets them: see Variables.
func Overlay(ctx context.Context, packages []Package, files []string, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return problem.Disk("open the folder for packages", err)
	}
	defer func() { _ = root.Close() }()
	o := overlay{root: root, dir: dir, written: map[string]bool{}, links: map[string]string{}, scripts: map[string]string{}}
	for c := range ahead(ctx, files, func(name string) bool { return !IsDocumentation(name) }) {
		if c.err != nil {
			return fmt.Errorf("unpack %s: %w", packages[c.n].Name, c.err)
		}
		for _, e := range c.entries {
			if err := o.write(e); err != nil {
				return problem.Disk("unpack "+packages[c.n].Name, err)
			}
		}
		o.offered = append(o.offered, alternatives(ctx, c.postinst)...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, folder := range mergedFolders {
		if o.isFolder("usr/" + folder) {
			o.links[folder] = "usr/" + folder
		}
	}
	maps.Copy(o.links, best(o.offered, o.has))
	if err := o.makeLinks(); err != nil {
		return problem.Disk("unpack packages", err)
	}
	if err := errors.Join(o.useInterpreters(), o.relocate()); err != nil {
		return problem.Disk("unpack packages", err)
	}
	return nil
}

type overlay struct {
	root *os.Root
	dir  string
	// written are the names of files, links the targets of symbolic links.
	written map[string]bool
	links   map[string]string
	offered []alternative
	// scripts are the interpreters of scripts, by their names.
	scripts map[string]string
}

func (o overlay) has(name string) bool { return o.written[name] || o.links[name] != "" }

// write writes an entry: modes are those of files that everybody may read. Symbolic links come at the end.
func (o overlay) write(e entry) error {
	name := e.header.Name
	if o.has(name) {
		return nil
	}
	switch e.header.Typeflag {
	case tar.TypeDir:
		return o.root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		o.links[name] = e.header.Linkname
		return nil
	case tar.TypeReg, tar.TypeLink:
		o.written[name] = true
	default:
		return nil
	}
	if err := o.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if e.header.Typeflag == tar.TypeLink {
		err := o.root.Link(e.header.Linkname, name)
		if errors.Is(err, fs.ErrNotExist) {
			// The file that it is was left out.
			delete(o.written, name)
			return nil
		}
		return err
	}
	mode := fs.FileMode(0o644)
	if e.header.Mode&0o111 != 0 {
		mode = 0o755
		if m := interpreter.FindSubmatch(e.body); m != nil {
			o.scripts[name] = merged(string(m[1]))
		}
	}
	return o.root.WriteFile(name, e.body, mode)
}

// makeLinks makes the symbolic links. Those that lead to what is in the folder stay in it; others lead to the image's own files.
func (o overlay) makeLinks() error {
	for _, name := range sortedLinks(o.links) {
		target := o.links[name]
		if path.IsAbs(target) {
			if inside := merged(target); o.has(inside) || o.isFolder(inside) {
				relative, err := filepath.Rel(path.Dir("/"+name), "/"+inside)
				if err != nil {
					return err
				}
				target = relative
			}
		} else if !filepath.IsLocal(path.Join(path.Dir(name), target)) {
			// It leads out of the folder, to the image's root.
			target = path.Join("/", path.Dir(name), target)
		}
		if err := o.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := o.root.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func (o overlay) isFolder(name string) bool {
	info, err := o.root.Stat(name)
	return err == nil && info.IsDir()
}

// interpreter finds the program that a script names in its first line: execve(2).
var interpreter = regexp.MustCompile(`\A#! ?(/\S+)`)

// useInterpreters has scripts name the interpreters that are in the folder.
func (o overlay) useInterpreters() error {
	for name, program := range o.scripts {
		if !o.has(program) {
			continue
		}
		text, err := o.root.ReadFile(name)
		if err == nil {
			err = o.root.WriteFile(name, interpreter.ReplaceAll(text, []byte("#!"+filepath.Join(o.dir, program))), 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relocated are the files that name places of their package, by pattern, with what stands before such a place.
var relocated = map[string]*regexp.Regexp{
	"usr/lib/*/pkgconfig/*.pc":    regexp.MustCompile(`(?m)^(\w*prefix=)(/usr)`),
	"usr/share/pkgconfig/*.pc":    regexp.MustCompile(`(?m)^(\w*prefix=)(/usr)`),
	"etc/fonts/fonts.conf":        regexp.MustCompile(`(<dir>)(/usr/share/fonts)`),
	"etc/ImageMagick-*/type*.xml": regexp.MustCompile(`((?:glyphs|metrics)=["'])(/usr)`),
}

// relocate has such files name the places below the folder.
func (o overlay) relocate() error {
	for pattern, place := range relocated {
		names, err := filepath.Glob(filepath.Join(o.dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range names {
			name, err := filepath.Rel(o.dir, file)
			if err != nil {
				return err
			}
			text, err := o.root.ReadFile(name)
			if err != nil {
				return err
			}
			changed := place.ReplaceAll(text, []byte("${1}"+o.dir+"${2}"))
			if err := o.root.WriteFile(name, changed, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
