package base

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/platform/verified"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// An image is kept in a folder that has its digest in its name, and a link leads to the newest: a build that has opened one
// keeps it while another makes the next. In the folder are its lists of packages and of libraries, and a file that says when newer ones were looked for.
const (
	statusFile    = "packages.status"
	librariesFile = "libraries"
	lookedFile    = "looked"
)

// lookEvery is how often newer packages are looked for.
const lookEvery = 24 * time.Hour

// Status gives the list of packages of the kept image, as dpkg has it.
func (s Spec) Status(home string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.Folder(home), statusFile))
}

// Libraries gives the names of the shared libraries of the kept image, a line each.
func (s Spec) Libraries(home string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.Folder(home), librariesFile))
}

// Image gives the image, which is made once and kept below home.
func (s Spec) Image(ctx context.Context, home string, r *buildlog.Log) (v1.Image, error) {
	if dir, err := filepath.EvalSymlinks(s.Folder(home)); err == nil {
		damaged, err := verified.Blobs(dir).Heal()
		if err != nil {
			return nil, problem.Unreadable("look at the kept "+string(s.Kind)+" image", err)
		}
		if damaged > 0 {
			r.Line("Cache", "the kept "+string(s.Kind)+" image is damaged, and is made again")
			_ = archive.RemoveAll(dir)
		}
		if kept, err := oci.OpenFor(ctx, dir, s.Arch); err == nil {
			return kept, nil
		}
	}
	return s.make(ctx, home, r)
}

// Refresh looks whether packages of the kept image have newer versions, and makes it again with them: in the layers of applications
// nothing changes. It looks once a day, or when always is set; where the archives cannot be reached, the kept image stays.
func (s Spec) Refresh(ctx context.Context, home string, always bool, r *buildlog.Log) error {
	dir, err := filepath.EvalSymlinks(s.Folder(home))
	if err != nil || s.Snapshot != "" {
		// Nothing is kept, or what never changes.
		return nil
	}
	looked, err := os.Stat(filepath.Join(dir, lookedFile))
	if err == nil && time.Since(looked.ModTime()) < lookEvery && !always {
		return nil
	}
	end := r.Step("Image", "looking for newer packages of "+s.Name())
	newer, err := s.newer(ctx, home, dir)
	end("")
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Line("Image", s.Name()+" stays as it is: "+reason(err))
	}
	if len(newer) > 0 {
		r.Line("Image", fmt.Sprintf("%s gets newer packages: %s", s.Name(), problem.Some(newer)))
		if _, err := s.make(ctx, home, r); err == nil || ctx.Err() != nil {
			return ctx.Err()
		} else {
			r.Line("Image", s.Name()+" stays as it is: "+reason(err))
			return nil
		}
	}
	if err := os.WriteFile(filepath.Join(dir, lookedFile), nil, 0o644); err != nil {
		return problem.Disk("note when newer packages were looked for", err)
	}
	return nil
}

func reason(err error) string {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p.Title
	}
	return err.Error()
}

// newer gives the packages of the image in a folder that have another version now, as "NAME OLD → NEW".
func (s Spec) newer(ctx context.Context, home, dir string) (list []string, err error) {
	status, err := os.ReadFile(filepath.Join(dir, statusFile))
	if err != nil {
		return nil, problem.Unreadable("read the list of packages", err)
	}
	client, err := newClient()
	if err != nil {
		return nil, err
	}
	client.Tries = 1
	packages, index, err := s.resolve(ctx, client, home)
	if err == nil && index.Stale != "" {
		err = errors.New(index.Stale)
	}
	if err != nil {
		return nil, err
	}
	had := map[string]string{}
	for _, p := range debian.ReadStatus(status) {
		had[p.Name] = p.Version
	}
	for _, p := range packages {
		switch old := had[p.Name]; old {
		case p.Version:
		case "":
			list = append(list, p.Name+" "+p.Version)
		default:
			list = append(list, fmt.Sprintf("%s %s → %s", p.Name, old, p.Version))
		}
	}
	slices.Sort(list)
	return list, nil
}

// make makes the image and keeps it.
func (s Spec) make(ctx context.Context, home string, r *buildlog.Log) (v1.Image, error) {
	link := s.Folder(home)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return nil, problem.Disk("make the folder for run images", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(link), "making-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(work) }()
	end := r.Step("Image", "assembling "+s.Name()+" of packages of Debian")
	made, err := s.assemble(ctx, home, work)
	if err != nil {
		end("")
		return nil, err
	}
	digest, err := made.image.Digest()
	if err != nil {
		end("")
		return nil, fmt.Errorf("read the image: %w", err)
	}
	dir := link + "." + digest.Hex[:12]
	if err := keep(made, work, dir, link); err != nil {
		end("")
		return nil, err
	}
	end(fmt.Sprintf("%s, of %d packages of %s (%s, index of %s)", s.Name(), len(made.packages), made.index.Distribution.Title(), problem.Size(made.size), made.index.Date.Format(time.DateOnly)))
	if made.index.Stale != "" {
		r.Warning(fmt.Sprintf("The image may lack the newest security fixes: %s, and the kept index of %s was used.", made.index.Stale, made.index.Date.Format(time.DateOnly)))
	}
	return oci.OpenFor(ctx, dir, s.Arch)
}

// keep writes an image to the place where it is kept, and has the link lead there; another build may have been first.
func keep(made assembled, work, dir, link string) error {
	written := filepath.Join(work, "layout")
	path, err := layout.Write(written, empty.Index)
	if err == nil {
		err = path.AppendImage(made.image)
	}
	if err == nil {
		if err = os.Rename(written, dir); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	var status strings.Builder
	for _, p := range made.packages {
		status.WriteString(p.Status() + "\n")
	}
	for name, text := range map[string]string{statusFile: status.String(), librariesFile: strings.Join(made.libraries, "\n"), lookedFile: ""} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		}
	}
	if err == nil {
		err = os.Symlink(filepath.Base(dir), filepath.Join(work, "link"))
	}
	if err == nil {
		err = os.Rename(filepath.Join(work, "link"), link)
	}
	if err != nil {
		return problem.Disk("keep the image", err)
	}
	if err := verified.Blobs(dir).Remember(); err != nil {
		return problem.Disk("note what was verified", err)
	}
	return nil
}
