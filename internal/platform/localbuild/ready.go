package localbuild

import (
	"os"
	"path/filepath"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// readyVariable names the folder in which the buildpack keeps packages and toolchains unpacked: it is on the mount of the application
// and the layers, so that they get to their places by being renamed.
const readyVariable = "GANTRY_READY"

// ready is where that folder is between builds.
func (b *build) ready() string { return filepath.Join(b.options.Cache, "ready") }

// takeReady moves the folder into the sandbox's root.
func (b *build) takeReady() error {
	if err := os.MkdirAll(b.root, 0o755); err != nil {
		return problem.Disk("make the root", err)
	}
	if info, err := os.Lstat(b.ready()); err == nil && !info.IsDir() {
		_ = archive.RemoveAll(b.ready())
	}
	if err := os.Rename(b.ready(), b.folders[readyDir]); err != nil && !os.IsNotExist(err) {
		return problem.Disk("use what is kept unpacked", err)
	}
	return nil
}

// keepReady moves it back from a root, that of a build that was killed, too. What cannot be moved is unpacked again in the next build.
func (b *build) keepReady(root string) {
	if b.options.Forgetful {
		return
	}
	if _, err := os.Lstat(b.ready()); os.IsNotExist(err) {
		_ = os.Rename(filepath.Join(root, readyDir), b.ready())
	}
}
