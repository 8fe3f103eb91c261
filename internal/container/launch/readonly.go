package launch

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// The messages of a program that could not write. Node.js says ENOENT where it makes several folders at once on a read-only file system.
var (
	nodeRefused = lazyregexp.New(`(EROFS|ENOENT): [^\n]*?, (\w+) '([^'\n]+)'`)
	rubyRefused = lazyregexp.New(`Read-only file system @ (\w+) - ([^\s(]+)`)
)

// readOnlyHint tells of a program that has ended because the container's file system is read-only, with what it wrote to its standard error and the
// folder in which it ran; empty when that was not why.
func readOnlyHint(output, dir string) string {
	place := ""
	for _, m := range nodeRefused().FindAllStringSubmatch(output, -1) {
		if m[1] == "EROFS" || m[2] == "mkdir" {
			place = folderOf(m[3], m[2] == "mkdir")
		}
	}
	for _, m := range rubyRefused().FindAllStringSubmatch(output, -1) {
		place = folderOf(m[2], strings.Contains(m[1], "mkdir"))
	}
	if place == "" {
		return ""
	}
	if !filepath.IsAbs(place) {
		place = filepath.Join(dir, place)
	}
	if !readOnly(place) {
		return ""
	}
	place = problem.Visible(place)
	return fmt.Sprintf("gantry: the file system is read-only at %s, and the application writes there: mount a volume (gantry run and docker run: -v data:%s; "+
		"Kubernetes: a volume mounted at %s, which gantry deploy-hints writes), or let it write everywhere (gantry run --writable, readOnlyRootFilesystem: false)\n", place, place, place)
}

// folderOf gives the folder that a path is, or is in.
func folderOf(path string, folder bool) string {
	if folder {
		return filepath.Clean(path)
	}
	return filepath.Dir(path)
}

// readOnly reports whether a folder is on a read-only file system, or would be if it were there.
func readOnly(dir string) bool {
	for {
		err := unix.Access(dir, unix.W_OK)
		if !errors.Is(err, unix.ENOENT) || dir == "/" {
			return errors.Is(err, unix.EROFS)
		}
		dir = filepath.Dir(dir)
	}
}
