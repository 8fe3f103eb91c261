package npm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npmtar"
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
	return fetch.File{URL: place, Checksum: n.Integrity, Authorization: t.project.Config.Authorization(place)}
}

// fetch sees to it that the store has the tarball, and gives its file; size is that of the download, 0 when it was there.
func (j *job) fetch(ctx context.Context, store string, download Download) (file string, size int64, err error) {
	if err := ctx.Err(); err != nil {
		return "", 0, err
	}
	name, err := storeName(j.node.Integrity)
	if err != nil {
		return "", 0, err
	}
	file = filepath.Join(store, name)
	// It must be known to be whole before anything is unpacked: what is in a package's folder already may be packages that
	// belong below it, so that nothing there can be taken back.
	if fetch.Verify(file, j.node.Integrity) == nil {
		return file, 0, nil
	}
	// Not there, or not what it should be any more.
	if size, err = download(ctx, j.source, file); err != nil {
		if j.node.isOptional && ctx.Err() == nil {
			// npm ci goes on without an optional package that cannot be had, and without all that only it needs.
			return "", 0, unsupported("the optional package %s cannot be had", j.node.title())
		}
		return "", 0, j.tree.explain(j.node, err)
	}
	return file, size, nil
}

// unpack puts the tarball's files into the package's folders.
func (j *job) unpack(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return problem.Unreadable("read the store of packages", err)
	}
	defer func() { _ = in.Close() }()
	err = npmtar.Unpack(in, npmtar.NPM, j.folders...)
	if errors.Is(err, npmtar.ErrUnusual) {
		return unsupported("the archive of %s is not what npm publishes (%s)", j.node.title(), strings.TrimPrefix(err.Error(), npmtar.ErrUnusual.Error()+": "))
	}
	return j.tree.explain(j.node, err)
}

// storeName gives the name of a package's tarball in the store.
func storeName(integrity string) (string, error) {
	_, digest, err := fetch.Verifier(integrity)
	if err != nil {
		return "", unsupported("the integrity %q is not understood", integrity)
	}
	return digest + ".tgz", nil
}
