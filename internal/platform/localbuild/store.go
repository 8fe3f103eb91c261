package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// store keeps the application's image between builds, as an OCI layout, and lets the lifecycle at it through a
// registry on the loopback interface.
type store struct {
	path   layout.Path
	server *http.Server
	// address is HOST:PORT of the registry.
	address string
}

// openStore opens the layout in a folder, or makes one, and starts the registry.
func openStore(dir string) (*store, error) {
	path, err := layout.FromPath(dir)
	if err != nil {
		if path, err = layout.Write(dir, empty.Index); err != nil {
			return nil, fmt.Errorf("make the image's folder: %w", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a port for the registry: %w", err)
	}
	folder := filepath.Join(dir, "blobs")
	handler := &uploads{
		registry: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(blobs{folder})),
		dir:      filepath.Join(folder, "sha256"),
	}
	s := &store{path: path, server: &http.Server{Handler: handler}, address: listener.Addr().String()}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func (s *store) close() { _ = s.server.Close() }

// reference is the name of an image in the registry.
func (s *store) reference(repository string) (name.Reference, error) {
	return name.ParseReference(s.address+"/"+repository, name.Insecure)
}

// offer puts an image into the registry. Layers that the layout has already are not sent again.
func (s *store) offer(ctx context.Context, repository string, image v1.Image) error {
	reference, err := s.reference(repository)
	if err != nil {
		return err
	}
	if err := remote.Write(reference, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("offer the image %s: %w", repository, err)
	}
	return nil
}

// FirstImage gives the first image of a layout.
func FirstImage(path layout.Path) (v1.Image, error) {
	index, err := path.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	if len(manifest.Manifests) == 0 {
		return nil, fmt.Errorf("the layout %s holds no image", string(path))
	}
	return path.Image(manifest.Manifests[0].Digest)
}

// last gives the image of the last build; nil when there is none that is whole.
func (s *store) last() v1.Image {
	image, err := FirstImage(s.path)
	if err != nil {
		return nil
	}
	layers, err := image.Layers()
	if err != nil {
		return nil
	}
	for _, layer := range layers {
		if digest, err := layer.Digest(); err != nil || !s.has(digest) {
			return nil
		}
	}
	return image
}

func (s *store) has(digest v1.Hash) bool {
	_, err := os.Stat(filepath.Join(string(s.path), "blobs", digest.Algorithm, digest.Hex))
	return err == nil
}

// keep makes an image the layout's only one, and removes what no image needs any more.
func (s *store) keep(image v1.Image) error {
	all := func(v1.Descriptor) bool { return true }
	if err := s.path.ReplaceImage(image, all); err != nil {
		return fmt.Errorf("keep the image: %w", err)
	}
	unused, err := s.path.GarbageCollect()
	if err != nil {
		return fmt.Errorf("look for unused layers: %w", err)
	}
	for _, digest := range unused {
		if err := s.path.RemoveBlob(digest); err != nil {
			return fmt.Errorf("remove an unused layer: %w", err)
		}
	}
	return nil
}

// blobs is the registry's storage: the layout's own blobs. Files appear whole and under their digest, which the
// registry has verified.
type blobs struct{ dir string }

func (b blobs) file(h v1.Hash) string { return filepath.Join(b.dir, h.Algorithm, h.Hex) }

// Stat gives a blob's size.
func (b blobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	info, err := os.Stat(b.file(h))
	if errors.Is(err, os.ErrNotExist) {
		return 0, registry.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Get opens a blob.
func (b blobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	file, err := os.Open(b.file(h))
	if errors.Is(err, os.ErrNotExist) {
		return nil, registry.ErrNotFound
	}
	return file, err
}

// Put stores a blob.
func (b blobs) Put(_ context.Context, _ string, h v1.Hash, content io.ReadCloser) error {
	folder := filepath.Dir(b.file(h))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, "upload-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil {
		err = os.Rename(file.Name(), b.file(h))
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
