package localbuild

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/BurntSushi/toml"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gantry-buildpack/gantry/internal/platform/verified"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// store keeps the application's image between builds, as an OCI layout, and lets the lifecycle at it through a
// registry on the loopback interface, which answers nobody who does not know its password.
type store struct {
	path     layout.Path
	server   *http.Server
	uploads  *uploads
	password string
	// address is HOST:PORT of the registry.
	address string
	// sealed: the run image stays as it was offered.
	sealed atomic.Bool
}

// userName is the name that goes with the password.
const userName = "gantry"

// The repositories of the registry: the run image, and the application's.
const (
	runRepository = "run"
	appRepository = "app"
)

// openStore opens the layout in a folder, or makes one, and starts the registry; uploads are written to a folder next to it. damaged is
// how many files of the layout were not what they should be, and were removed.
func openStore(dir, temporary string) (s *store, damaged int, err error) {
	if damaged, err = verified.Blobs(dir).Heal(); err != nil {
		return nil, damaged, problem.Unreadable("look at the image of the last build", err)
	}
	path, err := layout.FromPath(dir)
	if err == nil {
		var index v1.ImageIndex
		if index, err = path.ImageIndex(); err == nil {
			_, err = index.IndexManifest()
		}
	}
	if err != nil {
		if path, err = layout.Write(dir, empty.Index); err != nil {
			return nil, damaged, problem.Disk("make the image's folder", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, damaged, fmt.Errorf("open a port for the registry: %w", err)
	}
	folder := filepath.Join(dir, "blobs")
	handler := &uploads{
		registry: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(blobs{folder, temporary})),
		dir:      filepath.Join(folder, "sha256"), temporary: temporary,
	}
	s = &store{path: path, uploads: handler, password: rand.Text(), address: listener.Addr().String()}
	s.server = &http.Server{Handler: s.guarded(handler)}
	go func() { _ = s.server.Serve(listener) }()
	return s, damaged, nil
}

// guarded answers those who know the password. Other users of the machine reach the loopback interface, too.
func (s *store) guarded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(password), []byte(s.password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="gantry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.sealed.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead && strings.HasPrefix(r.URL.Path, "/v2/"+runRepository+"/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// environment has the lifecycle know the password:
// https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#registry-authentication.
func (s *store) environment() string {
	basic := base64.StdEncoding.EncodeToString([]byte(userName + ":" + s.password))
	return fmt.Sprintf(`CNB_REGISTRY_AUTH={%q: "Basic %s"}`, s.address, basic)
}

func (s *store) close() { _ = s.server.Close() }

// options are those of requests to the registry.
func (s *store) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: userName, Password: s.password})}
}

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
	if err := remote.Write(reference, image, s.options(ctx)...); err != nil {
		if full := s.uploads.failure(); full != nil {
			return full
		}
		return fmt.Errorf("offer the image %s: %w", repository, err)
	}
	return nil
}

// built gives the image that the lifecycle has put into the registry, if it is the one that it says it has.
func (s *store) built(ctx context.Context, layers string) (v1.Image, error) {
	reference, err := s.reference(appRepository)
	if err != nil {
		return nil, err
	}
	image, err := remote.Image(reference, s.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	var report struct{ Image struct{ Digest string } }
	if _, err := toml.DecodeFile(filepath.Join(layers, "report.toml"), &report); err != nil {
		return nil, fmt.Errorf("read the lifecycle's report: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	if report.Image.Digest != digest.String() {
		return nil, &problem.Problem{
			ID:    "localbuild/other-image",
			Title: "the image is not the one that was built",
			Why:   fmt.Sprintf("the lifecycle has exported %s, and the registry of the build has %s", report.Image.Digest, digest),
			Hints: []string{"Somebody else has changed it meanwhile: look at what runs on this machine, then build again."},
		}
	}
	return image, nil
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
	if err := verified.Blobs(string(s.path)).Remember(); err != nil {
		return problem.Disk("note what was verified", err)
	}
	return nil
}

// blobs is the registry's storage: the layout's own blobs. Files appear whole and under their digest, which the
// registry has verified.
type blobs struct{ dir, temporary string }

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
	file, err := os.CreateTemp(b.temporary, "upload-*")
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
