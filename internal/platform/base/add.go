package base

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Add adds files to an image, in a layer of their own: each is SOURCE:/PATH/IN/THE/IMAGE. They belong to root; a file that is executable here is
// executable there. The same files give the same image.
func Add(image v1.Image, files []string) (v1.Image, error) {
	if len(files) == 0 {
		return image, nil
	}
	taken, err := occupied(image)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, file := range files {
		source, target, found := strings.Cut(file, ":")
		if !found || source == "" || !path.IsAbs(target) || path.Clean(target) != target || target == "/" {
			return nil, &problem.Problem{
				ID: "base/add", Title: "--add " + file + " is not understood", Why: "it is SOURCE:TARGET, and TARGET the whole path of a file in the image",
				Hints: []string{"An example: --add ./gantry:/usr/local/bin/gantry"},
			}
		}
		if why := taken.refuses(target); why != "" {
			return nil, &problem.Problem{ID: "base/add", Title: source + " cannot be added as " + target, Why: why, Hints: []string{"Choose another place, such as /usr/local/bin/" + path.Base(target) + "."}}
		}
		if info, err := os.Stat(source); err != nil || !info.Mode().IsRegular() {
			why := source + " is no file"
			if err != nil {
				why = problem.Reason(err)
			}
			return nil, &problem.Problem{ID: "base/add", Title: source + " cannot be added", Why: why, Hints: []string{"Name one file for each --add."}}
		}
		if err := addFile(archive, source, target); err != nil {
			return nil, problem.Disk("add "+source+" to the image", err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	added, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{Layer: added, History: v1.History{CreatedBy: "gantry base --add"}})
}

// places are what is in an image: folders, and links.
type places struct{ folders, links map[string]bool }

// occupied reads them.
func occupied(image v1.Image) (places, error) {
	found := places{map[string]bool{}, map[string]bool{}}
	stream := mutate.Extract(image)
	defer func() { _ = stream.Close() }()
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("read the image: %w", err)
		}
		name := path.Clean("/" + header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			found.folders[name] = true
		case tar.TypeSymlink:
			found.links[name] = true
		}
	}
}

// refuses says why a file must not be put somewhere; empty when it may.
func (p places) refuses(target string) string {
	if p.folders[target] {
		return "there is a folder"
	}
	for dir := path.Dir(target); dir != "/"; dir = path.Dir(dir) {
		if p.links[dir] {
			return dir + " is a link in the image, and a layer would replace it by a folder"
		}
	}
	return ""
}

func addFile(archive *tar.Writer, source, target string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New(source + " is no file")
	}
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	if err := archive.WriteHeader(&tar.Header{Name: strings.TrimPrefix(target, "/"), Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}
