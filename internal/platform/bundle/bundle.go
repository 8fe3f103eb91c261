// Package bundle has the buildpack and the lifecycle that the tool gantry carries, so that it is one file: scripts/build.sh puts them in.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Tools are folders: of the buildpack, with buildpack.toml and bin/, and of the lifecycle's programs.
type Tools struct{ Buildpack, Lifecycle string }

// in gives the tools in a folder.
func in(dir string) Tools {
	return Tools{Buildpack: filepath.Join(dir, "buildpack"), Lifecycle: filepath.Join(dir, "tools")}
}

// digest names the folder in which a bundle is unpacked: of another version of the tool, it is another one.
var digest = sync.OnceValue(func() string {
	sum := sha256.Sum256(archived)
	return hex.EncodeToString(sum[:8])
})

// Unpack gives the tools, unpacked below home, the first time that this version of the tool needs them. A tool that carries none, as
// "go build" makes it, has them next to itself: there scripts/build.sh puts them, too.
func Unpack(home string) (Tools, error) {
	if len(archived) == 0 {
		return beside()
	}
	dir := filepath.Join(home, "tools", digest())
	if _, err := os.Stat(filepath.Join(dir, "whole")); err == nil {
		return in(dir), nil
	}
	if err := unpack(filepath.Dir(dir), dir); err != nil {
		return Tools{}, problem.Disk("unpack the buildpack and the lifecycle", err)
	}
	return in(dir), nil
}

// unpack gives the folder its name only when it is whole.
func unpack(parent, dir string) error {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(parent, "unpacking-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	files, err := zstd.NewReader(bytes.NewReader(archived))
	if err != nil {
		return fmt.Errorf("read the bundle: %w", err)
	}
	defer files.Close()
	if err := archive.Extract(files, work, archive.Options{}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "whole"), nil, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(work, dir); err != nil {
		// Another build has unpacked it meanwhile.
		if _, whole := os.Stat(filepath.Join(dir, "whole")); whole == nil {
			return nil
		}
		return err
	}
	return nil
}

func beside() (Tools, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return Tools{}, fmt.Errorf("find the tool's own folder: %w", err)
	}
	tools := in(filepath.Dir(program))
	if _, err := os.Stat(filepath.Join(tools.Buildpack, "bin/build")); err != nil {
		return Tools{}, &problem.Problem{
			ID: "localbuild/not-set-up", Title: "this gantry carries no buildpack", Why: "it was compiled by go build or go install alone",
			Hints: []string{"Take a released gantry, or run scripts/build.sh in Gantry's checkout: it makes build/gantry.", "Name the folders with --buildpack and --lifecycle."}, Err: err,
		}
	}
	return tools, nil
}
