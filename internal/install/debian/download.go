package debian

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// downloads are how many packages are downloaded at a time.
const downloads = 8

// Download gets the archives of packages into a folder, verified, and gives their paths. Those in it already are not downloaded.
func Download(ctx context.Context, client downloader, packages []Package, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, problem.Disk("make the folder for packages", err)
	}
	files := make([]string, len(packages))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for i, p := range packages {
		sum := p.fields.get("SHA256")
		files[i] = filepath.Join(dir, sum+".deb")
		group.Go(func() error {
			if content, err := os.ReadFile(files[i]); err == nil && digest(content) == sum {
				return nil
			}
			_, _, err := client.Save(ctx, p.File(), files[i])
			return err
		})
	}
	return files, group.Wait()
}
