// Command bundle packs the buildpack and the lifecycle for the tool gantry to carry: scripts/build.sh. The same files give the same bytes.
package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// packed are the files below build, which are named by their places there.
var packed = []string{"buildpack/buildpack.toml", "buildpack/LICENSE", "buildpack/bin/*", "tools/lifecycle", "tools/launcher"}

// more are those for images of another architecture, where they were made.
var more = []string{"buildpack/bin/linux-*/*", "tools/linux-*/launcher"}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bundle FILE")
		os.Exit(2)
	}
	if err := bundle(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func bundle(file string) error {
	out, err := os.Create(file + ".partial")
	if err != nil {
		return err
	}
	compressed, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, pattern := range append(packed, more...) {
		files, globErr := filepath.Glob(filepath.Join("build", pattern))
		files = slices.DeleteFunc(files, isFolder)
		if err = errors.Join(err, globErr); len(files) == 0 && !slices.Contains(more, pattern) {
			err = errors.Join(err, fmt.Errorf("build/%s is not there", pattern))
		}
		for _, name := range files {
			err = errors.Join(err, add(archive, name))
		}
	}
	if err = errors.Join(err, archive.Close(), compressed.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return os.Rename(out.Name(), file)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// add writes a file, without its times, its owner and the rest of its mode.
func add(archive *tar.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	inside, err := filepath.Rel("build", name)
	if err != nil {
		return err
	}
	// Whatever the umask was.
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := archive.WriteHeader(&tar.Header{Name: filepath.ToSlash(inside), Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}
