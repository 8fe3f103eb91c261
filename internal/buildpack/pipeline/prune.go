package pipeline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/prune"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// prune takes development packages out of a tree in the application's folder.
func (w *work) prune(ctx context.Context, in installation) error {
	if in.Production == nil && len(in.Prune.Args) == 0 {
		return w.pruneArchives(in)
	}
	if in.Production == nil {
		folder, err := os.MkdirTemp("", "gantry-packages-")
		if err != nil {
			return problem.Disk("make a temporary folder", err)
		}
		err = w.command(ctx, "Packages", placed(in.Prune, in.Env, folder, folder))
		if err = errors.Join(err, os.RemoveAll(folder)); err != nil {
			return err
		}
		return w.pruneArchives(in)
	}
	return in.production(w.ctx.ApplicationPath, w.ctx.ApplicationPath).Prune()
}

// pruneArchives removes the archives of packages that are not needed any more.
func (w *work) pruneArchives(in installation) error {
	app := w.ctx.ApplicationPath
	unneeded := in.TracesAtLaunch
	if in.Archives != "" {
		index, err := os.ReadFile(filepath.Join(app, in.Index))
		if err != nil {
			return problem.Disk("read "+in.Index, err)
		}
		entries, err := os.ReadDir(filepath.Join(app, in.Archives))
		if err != nil && !os.IsNotExist(err) {
			return problem.Disk("read "+in.Archives, err)
		}
		for _, entry := range entries {
			if !bytes.Contains(index, []byte(entry.Name())) {
				unneeded = append(unneeded, filepath.Join(in.Archives, entry.Name()))
			}
		}
	}
	for _, name := range unneeded {
		if err := archive.RemoveAll(filepath.Join(app, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// production is what the running application needs of the trees in a folder.
func (in installation) production(app, base string) prune.Tree {
	return prune.Tree{App: app, Base: base, Dirs: in.Dirs, Roots: in.Production.Roots, Also: in.Production.Also}
}
