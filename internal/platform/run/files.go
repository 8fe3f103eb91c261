package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// metadataLabel is where the lifecycle says which layers are the run image's.
const metadataLabel = "io.buildpacks.lifecycle.metadata"

// buildLabel is where it says which process types there are.
const buildLabel = "io.buildpacks.build.metadata"

// machine are the files of this machine that a container sees in the place of the image's.
var machine = []string{"/etc/resolv.conf", "/etc/hosts"}

// tree is a container's file system while it is put together.
type tree struct {
	// own holds the application's layers, temporary what is written to /tmp.
	own, temporary string
	writable       bool
	volumes        []Volume
}

// mount unpacks the image's files: those of the run image once, those of the application for this container. The
// buildpacks' layers only add top-level folders, so the two parts stand next to each other.
func (t tree) mount(spec *sandbox.Spec, image v1.Image, config *v1.ConfigFile, dir string) error {
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	for _, folder := range []string{t.own, t.temporary} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return problem.Disk("unpack the image", err)
		}
	}
	split := runImageLayers(config)
	base := filepath.Join(dir, "root-none")
	if split > 0 {
		if base, err = keptRoot(dir, config.RootFS.DiffIDs[split-1].Hex[:16], layers[:split]); err != nil {
			return err
		}
	}
	if err := unpack(layers[split:], t.own); err != nil {
		return err
	}
	seen := map[string]bool{"tmp": true, "dev": true, "proc": true}
	for _, part := range []string{t.own, base} {
		entries, err := os.ReadDir(part)
		if err != nil && !os.IsNotExist(err) {
			return problem.Disk("unpack the image", err)
		}
		for _, entry := range entries {
			if seen[entry.Name()] {
				continue
			}
			seen[entry.Name()] = true
			source := filepath.Join(part, entry.Name())
			if target, err := os.Readlink(source); err == nil {
				spec.Links["/"+entry.Name()] = target
				continue
			}
			// The run image's files are those of other containers, too.
			readOnly := !t.writable || part == base
			spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: source, Target: "/" + entry.Name(), ReadOnly: readOnly})
		}
	}
	spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: t.temporary, Target: "/tmp"})
	for _, file := range machine {
		if _, err := os.Stat(filepath.Join(base, file)); err == nil {
			if found, err := filepath.EvalSymlinks(file); err == nil {
				spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: found, Target: file, ReadOnly: true})
			}
		}
	}
	return t.mountVolumes(spec, base)
}

// mountVolumes adds volumes, and makes their places in what is read-only in the container.
func (t tree) mountVolumes(spec *sandbox.Spec, base string) error {
	for _, v := range t.volumes {
		info, err := os.Stat(v.Source)
		if err != nil {
			return problem.Unreadable("look at the volume "+v.Source, err)
		}
		for _, part := range []string{t.own, base, t.temporary} {
			inside := strings.TrimPrefix(v.Target, "/")
			if part == t.temporary {
				var below bool
				if inside, below = strings.CutPrefix(inside, "tmp/"); !below {
					continue
				}
			} else if top, _, _ := strings.Cut(inside, "/"); !isFolder(filepath.Join(part, top)) {
				continue
			}
			if err := makePlace(part, inside, info.IsDir()); err != nil {
				return &problem.Problem{
					ID: "run/volume", Title: "the volume " + v.Source + " cannot be mounted at " + v.Target, Why: err.Error(),
					Hints: []string{"Choose another place: a folder that is not behind a link of the image, and for a file one where no folder is."}, Err: err,
				}
			}
			break
		}
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly})
	}
	// A volume in another one comes behind it.
	slices.SortStableFunc(spec.Mounts, func(a, b sandbox.Mount) int {
		return strings.Count(strings.TrimSuffix(a.Target, "/"), "/") - strings.Count(strings.TrimSuffix(b.Target, "/"), "/")
	})
	return nil
}

func isFolder(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// makePlace makes an empty folder or file, without leaving the folder root by a link in it.
func makePlace(root, name string, folder bool) error {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if folder {
		return dir.MkdirAll(name, 0o755)
	}
	if err := dir.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := dir.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// runImageLayers is how many of the image's layers are the run image's; 0 when the lifecycle did not say.
func runImageLayers(config *v1.ConfigFile) int {
	var metadata struct {
		RunImage struct {
			TopLayer string `json:"topLayer"`
		} `json:"runImage"`
	}
	if json.Unmarshal([]byte(config.Config.Labels[metadataLabel]), &metadata) != nil {
		return 0
	}
	for i, id := range config.RootFS.DiffIDs {
		if id.String() == metadata.RunImage.TopLayer {
			return i + 1
		}
	}
	return 0
}

// keptRoot unpacks the run image's layers, unless they are there from an earlier time.
func keptRoot(dir, name string, layers []v1.Layer) (string, error) {
	kept := filepath.Join(dir, "root-"+name)
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	work, err := os.MkdirTemp(dir, "unpacking-")
	if err != nil {
		return "", problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(work) }()
	if err := unpack(layers, work); err != nil {
		return "", err
	}
	for _, file := range machine {
		// The machine's own is mounted over it.
		place := filepath.Join(work, file)
		if _, err := os.Lstat(place); err != nil && os.MkdirAll(filepath.Dir(place), 0o755) == nil {
			_ = os.WriteFile(place, nil, 0o644)
		}
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", problem.Disk("keep the run image's files", err)
	}
	if err := os.Rename(work, kept); err != nil {
		if _, statErr := os.Stat(kept); statErr == nil {
			return kept, nil
		}
		return "", problem.Disk("keep the run image's files", err)
	}
	return kept, nil
}

// part is a part of an image's layers. An image made of them again would have to know what they are unpacked.
type part struct {
	v1.Image
	layers []v1.Layer
}

// Layers are those of the part.
func (p part) Layers() ([]v1.Layer, error) { return p.layers, nil }

// unpack writes the files of layers, as one tree.
func unpack(layers []v1.Layer, root string) error {
	files := mutate.Extract(part{empty.Image, layers})
	defer func() { _ = files.Close() }()
	if err := archive.Extract(files, root, archive.Options{RootFS: true, Times: true}); err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	return nil
}

// Processes gives the process types of an image that a buildpack has made; none of another image.
func Processes(image v1.Image) ([]string, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	var metadata struct{ Processes []struct{ Type string } }
	if err := json.Unmarshal([]byte(cmp.Or(config.Config.Labels[buildLabel], "{}")), &metadata); err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	var names []string
	for _, p := range metadata.Processes {
		names = append(names, p.Type)
	}
	return names, nil
}
