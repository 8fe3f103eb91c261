package localbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// uploads takes layers in for the registry, which would hold each of them in memory, one after the other. What it is not
// asked in the usual way (a layer whole in one PATCH, its digest in a PUT) is the registry's:
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-a-blob-in-chunks.
type uploads struct {
	registry http.Handler
	// dir is the layout's folder of blobs with SHA-256 digests, temporary one for what is not whole yet.
	dir, temporary string
	// digests are those of files that are there whole, by upload.
	digests sync.Map
	failed  atomic.Pointer[problem.Problem]
}

// failure is what went wrong on the disk; nil when nothing did. Who sends a layer is only told that the registry failed.
func (u *uploads) failure() error {
	if p := u.failed.Load(); p != nil {
		return p
	}
	return nil
}

var uploadPath = regexp.MustCompile(`^/v2/.+/blobs/uploads/(\d+)$`)

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	match := uploadPath.FindStringSubmatch(r.URL.Path)
	var err error
	switch {
	case match == nil || r.Header.Get("Content-Range") != "":
		u.registry.ServeHTTP(w, r)
	case r.Method == http.MethodPatch:
		err = u.receive(w, r, match[1])
	case r.Method == http.MethodPut:
		err = u.finish(w, r, match[1])
	default:
		u.registry.ServeHTTP(w, r)
	}
	if err != nil {
		// The other faults are those of who sends.
		if _, onDisk := errors.AsType[*fs.PathError](err); onDisk {
			u.failed.CompareAndSwap(nil, problem.Disk("keep a layer", err))
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (u *uploads) file(id string) string { return filepath.Join(u.temporary, "upload-"+id) }

// receive writes a layer to the disk.
func (u *uploads) receive(w http.ResponseWriter, r *http.Request, id string) error {
	if err := os.MkdirAll(u.dir, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(u.file(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, sum), r.Body)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(u.file(id)))
	}
	u.digests.Store(id, "sha256:"+hex.EncodeToString(sum.Sum(nil)))
	w.Header().Set("Location", r.URL.Path)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// finish gives a layer its name, if it is the one that it should be.
func (u *uploads) finish(w http.ResponseWriter, r *http.Request, id string) error {
	digest, there := u.digests.LoadAndDelete(id)
	if !there {
		u.registry.ServeHTTP(w, r)
		return nil
	}
	wanted := r.URL.Query().Get("digest")
	if rest, err := io.Copy(io.Discard, r.Body); err != nil || rest > 0 || wanted != digest {
		w.WriteHeader(http.StatusBadRequest)
		return os.Remove(u.file(id))
	}
	if err := os.Rename(u.file(id), filepath.Join(u.dir, strings.TrimPrefix(wanted, "sha256:"))); err != nil {
		return err
	}
	w.Header().Set("Docker-Content-Digest", wanted)
	w.WriteHeader(http.StatusCreated)
	return nil
}
