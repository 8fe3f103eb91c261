package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/fetch"
	"github.com/gantry-buildpack/gantry/internal/npm"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/report"
	"github.com/gantry-buildpack/gantry/internal/yarn"
)

// ahead does what a package manager would do slower.
type ahead struct {
	w        *work
	config   npm.Config
	packages []yarn.Archive
	// all: the lockfile has no other packages.
	all bool
}

// openAhead gives nil where everything is left to the package manager. Only what is not for development is needed where
// nothing is built.
func (w *work) openAhead(in installation) (*ahead, error) {
	if !in.Yarn1 {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(w.ctx.ApplicationPath, in.Root, in.Lockfile))
	if err != nil {
		return nil, problem.Disk("read "+in.Lockfile, err)
	}
	config, err := w.npmConfig(in)
	if unsupportedBy(err) != "" {
		return nil, nil
	}
	packages, others := yarn.Archives(text)
	if !in.builds {
		packages = slices.DeleteFunc(packages, func(p yarn.Archive) bool { return !slices.Contains(in.AtLaunch, p.Key) })
	}
	return &ahead{w, config, packages, !others && in.builds}, err
}

// fill fills Yarn's cache by way of its offline mirror.
func (a *ahead) fill(ctx context.Context, mirror, cache string) error {
	if a.all {
		if err := yarn.Prune(a.packages, mirror); err != nil {
			return err
		}
	}
	client := a.w.registry()
	// Yarn tries again, and says what is wrong.
	client.Tries = 1
	download := func(ctx context.Context, p yarn.Archive, checksum, path string) (int64, error) {
		size, _, err := client.Save(ctx, fetch.File{URL: p.URL, Checksum: checksum, Authorization: a.config.Authorization(p.URL)}, path)
		return size, err
	}
	end := a.w.Report.Step("Packages", "filling Yarn's cache from yarn.lock")
	done, err := yarn.Fill(ctx, a.packages, mirror, cache, download)
	if err != nil {
		end("")
		return err
	}
	from := "all from the cache"
	if done.Fetched > 0 {
		from = fmt.Sprintf("%d fetched, %s", done.Fetched, report.Size(done.Bytes))
	}
	if done.Left > 0 {
		from += fmt.Sprintf(", %d left to Yarn", done.Left)
	}
	end(fmt.Sprintf("%d in Yarn's cache, %s", len(a.packages)-done.Left, from))
	return nil
}
