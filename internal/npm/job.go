package npm

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Download saves a file under a path when its bytes have the checksum that is expected.
type Download func(ctx context.Context, file fetch.File, path string) (size int64, err error)

// job is one tarball and the folders that it belongs in.
type job struct {
	tree    *Tree
	node    *node
	source  fetch.File
	folders []string
}

// source is where a package's tarball comes from.
func (t *Tree) source(n *node) fetch.File {
	if isTarball(n.Resolved) {
		file := filepath.Join(t.project.Dir, strings.TrimPrefix(n.Resolved, "file:"))
		return fetch.File{URL: "file://" + file, Checksum: n.Integrity}
	}
	place := t.project.Config.url(n)
	return fetch.File{URL: place, Checksum: n.Integrity, Authorization: t.project.Config.authorization(place)}
}

// run unpacks the tarball; size is that of the download, 0 when it was in the store.
func (j *job) run(ctx context.Context, store string, download Download) (size int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	name, err := storeName(j.node.Integrity)
	if err != nil {
		return 0, err
	}
	file := filepath.Join(store, name)
	if err := j.unpack(file, true); err == nil {
		return 0, nil
	} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errCorrupt) {
		return 0, err
	}
	// Not there, or not what it should be any more.
	for _, folder := range j.folders {
		if err := os.RemoveAll(folder); err != nil {
			return 0, problem.Disk("remove a damaged package", err)
		}
	}
	if size, err = download(ctx, j.source, file); err != nil {
		if j.node.isOptional && ctx.Err() == nil {
			// npm ci goes on without an optional package that cannot be had, and without all that only it needs.
			return 0, unsupported("the optional package %s cannot be had", j.node.title())
		}
		return 0, j.tree.explain(j.node, err)
	}
	return size, j.unpack(file, false)
}

// errCorrupt means that a file of the store is not what was put into it.
var errCorrupt = errors.New("the file in the store is damaged")

// unpack reads a tarball of the store; its bytes are verified on the way unless that was done just now.
func (j *job) unpack(file string, verify bool) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if !verify {
		return j.tree.explain(j.node, unpack(in, j.folders))
	}
	sum, digest, err := fetch.Verifier(j.node.Integrity)
	if err != nil {
		return err
	}
	err = unpack(io.TeeReader(in, sum), j.folders)
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.ID == "npm/package-damaged" {
		return errCorrupt
	}
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != digest {
		return errCorrupt
	}
	return err
}

// storeName gives the name of a package's tarball in the store.
func storeName(integrity string) (string, error) {
	_, digest, err := fetch.Verifier(integrity)
	if err != nil {
		return "", unsupported("the integrity %q is not understood", integrity)
	}
	return digest + ".tgz", nil
}
