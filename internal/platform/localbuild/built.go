package localbuild

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// builtSource puts into an empty folder what an image has of the application, and of its source the files and folders at the top that the image
// has not: the plan of the build is made of both. Links into layers are left out: they are those of this architecture; places of ours in the source are,
// too. It gives the programs and libraries for this architecture among what the image has.
func builtSource(app, buildpack string, ours []string, image v1.Image, into string) (native []string, err error) {
	files := mutate.Extract(image)
	defer func() { _ = files.Close() }()
	workspace := strings.TrimPrefix(workspaceDir, "/") + "/"
	if err := archive.Extract(files, into, archive.Options{RootFS: true, Keep: func(name string) bool { return strings.HasPrefix(name, workspace) }}); err != nil {
		return nil, err
	}
	built := filepath.Join(into, workspaceDir)
	if _, err := os.Lstat(built); err != nil {
		return nil, &problem.Problem{
			ID: "localbuild/platform", Title: "images for other platforms cannot be built on this machine", Why: "it does not allow user namespaces: the application is not in its usual place in the image",
			Hints: []string{"Build where user namespaces are allowed, or leave out --platform."}, Err: err,
		}
	}
	err = filepath.WalkDir(built, func(file string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Type()&os.ModeSymlink != 0:
			if target, _ := os.Readlink(file); strings.HasPrefix(target, layersDir+"/") {
				return os.Remove(file)
			}
		case entry.Type().IsRegular() && isNative(file):
			name, err := filepath.Rel(built, file)
			native = append(native, name)
			return err
		}
		return nil
	})
	if err == nil {
		err = moveUp(built, into)
	}
	if err != nil {
		return nil, problem.Disk("take the application out of the image", err)
	}
	return native, addSource(app, buildpack, ours, into)
}

// isNative reports whether a file is a program or library for this machine's architecture.
func isNative(file string) bool {
	f, err := elf.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return f.Machine == map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
}

// moveUp moves what is in a folder into the one above it.
func moveUp(dir, up string) error {
	aside := up + "-files"
	if err := os.Rename(dir, aside); err != nil {
		return err
	}
	defer func() { _ = archive.RemoveAll(aside) }()
	entries, err := os.ReadDir(aside)
	for _, entry := range entries {
		err = errors.Join(err, os.Rename(filepath.Join(aside, entry.Name()), filepath.Join(up, entry.Name())))
	}
	return err
}

// addSource adds the files and folders of the source that the image has not, such as a static site's manifest. Nothing is added to a folder that
// is there: the build has left it as it is, and a link may have taken its place.
func addSource(app, buildpack string, ours []string, into string) error {
	_, id, err := identity(buildpack)
	if err != nil {
		return err
	}
	described, err := readDescriptor(app, id)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	entries, err := os.ReadDir(into)
	if err != nil {
		return problem.Unreadable("read the application", err)
	}
	for _, entry := range entries {
		there[entry.Name()] = true
	}
	return copyApp(app, into, ours, func(name string) bool {
		top, _, _ := strings.Cut(name, "/")
		return !there[top] && (described.keeps == nil || described.keeps(name))
	})
}

// writtenInput is the name under which the buildpack notes what the build's programs wrote into packages.
const (
	writtenInput   = "what the build wrote into the packages"
	nothingWritten = "nothing"
)

// mayServe refuses to make an image for another architecture of one whose packages the build has changed: there, they are other ones.
func mayServe(own v1.Image, arch string) error {
	config, err := own.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	var metadata struct {
		Buildpacks []struct {
			Layers map[string]struct {
				Data struct{ Inputs map[string]string }
			}
		}
	}
	if err := json.Unmarshal([]byte(config.Config.Labels[metadataLabel]), &metadata); err != nil {
		return fmt.Errorf("read the image's layers: %w", err)
	}
	for _, buildpack := range metadata.Buildpacks {
		for _, l := range buildpack.Layers {
			if written := l.Data.Inputs[writtenInput]; written != "" && written != nothingWritten {
				return notServed(arch, "the build writes into the application's packages, as code generators and patches do")
			}
		}
	}
	return nil
}

func notServed(arch, why string) error {
	return &problem.Problem{
		ID: "localbuild/platform", Title: "the application cannot be built for linux/" + arch + " on this machine", Why: why,
		Hints: []string{"Build on a machine of that architecture, or under an emulator of it, and join the images in an index."},
	}
}

// sameProcesses reports whether two images start the same.
func sameProcesses(a, b v1.Image) bool {
	return reflect.DeepEqual(processesOf(a), processesOf(b))
}

func processesOf(image v1.Image) (processes any) {
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	var metadata struct{ Processes any }
	if err := json.Unmarshal([]byte(config.Config.Labels["io.buildpacks.build.metadata"]), &metadata); err != nil {
		return err
	}
	return metadata.Processes
}
