package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/andybalholm/brotli"
	"github.com/buildpacks/libcnb/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/container/fileserver"
	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// maxCompressed is the size of a file from which on it is sent as it is, or compressed for each request: it would take a build too long.
const maxCompressed = 16 << 20

// serveFiles prepares the folders that are served: their files _headers and _redirects are read as the web server will read them, and files of text are
// compressed, so that no request has to wait for that. What was compressed before is in the layer that it gives, if any.
func (p pipeline) serveFiles(ctx context.Context) ([]libcnb.Layer, error) {
	var extensions []string
	for _, c := range coders {
		extensions = append(extensions, c.extension+" "+c.version)
	}
	spec := layers.CompressedFiles(extensions...)
	c := compressor{used: &sync.Map{}}
	for _, q := range p.Image.Processes {
		if q.Site == nil || q.Args[0] != plan.StaticServer {
			continue
		}
		dir := filepath.Join(p.App, q.Dir, q.Args[1])
		if err := p.readRules(dir); err != nil {
			return nil, err
		}
		names, err := toCompress(dir)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		if c.layer.Path == "" {
			l, cause := p.store.Reuse(spec)
			if cause != "" {
				if l, err = p.store.Fresh(spec); err != nil {
					return nil, err
				}
			}
			if err := os.MkdirAll(l.Path, 0o755); err != nil {
				return nil, problem.Disk("make the layer "+l.Name, err)
			}
			c.layer = l
		}
		end := p.Log.Span("Build", "compress files")
		sum, err := c.files(ctx, names)
		end()
		if err != nil {
			return nil, err
		}
		if sum.files > 0 {
			p.Log.Line("Compressed", fmt.Sprintf("%s, %s to %s by Brotli", problem.Count(sum.files, "file"), problem.Size(sum.before), problem.Size(sum.after)))
		}
	}
	if c.layer.Path == "" {
		return nil, nil
	}
	return []libcnb.Layer{c.layer}, c.forget()
}

// readRules reads the files _headers and _redirects of a folder, and tells what is not understood of them. A link out of the folder is not followed: what it
// leads to would be in the log.
func (p pipeline) readRules(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return problem.Unreadable("read the files to serve", err)
	}
	defer func() { _ = root.Close() }()
	_, warnings := fileserver.New(fileserver.Options{Files: root.FS()})
	for _, warning := range warnings {
		p.Log.Warning(warning + ".")
	}
	return nil
}

// toCompress are the files of a folder that are worth it: those of text that the web server gives out.
func toCompress(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && strings.HasPrefix(name, ".") && name != ".well-known" && path != dir {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || !fileserver.Compressible(name) || name == site.HeadersFile || name == site.RedirectsFile || strings.HasPrefix(name, ".") {
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.Size() >= fileserver.MinSize && info.Size() <= maxCompressed {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return nil, problem.Unreadable("read the files to serve", err)
	}
	return names, nil
}

// coder is a way of compressing, by the extension that the web server looks for. The version changes when its bytes do.
type coder struct {
	extension, version string
	// writers are reused: to make one takes longer than to compress a small file.
	writers *sync.Pool
	read    func(io.Reader) (io.Reader, error)
}

// resetter is a writer that can be used again.
type resetter interface {
	io.WriteCloser
	Reset(w io.Writer)
}

func writers(make func() (resetter, error)) *sync.Pool {
	return &sync.Pool{New: func() any {
		w, err := make()
		if err != nil {
			// The levels are right.
			panic(err)
		}
		return w
	}}
}

// coders have the levels from which on more time saves hardly a byte: 120 ms for a megabyte by Brotli, and 5 s for the 11 % that its last level saves.
var coders = []coder{
	{".br", "9", writers(func() (resetter, error) { return brotli.NewWriterLevel(nil, 9), nil }), func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
	{".zst", "best", writers(func() (resetter, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	}), func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
	{".gz", "9", writers(func() (resetter, error) { return gzip.NewWriterLevel(nil, gzip.BestCompression) }), func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
}

// compressor writes compressed files next to others, and keeps them in a layer for the next build.
type compressor struct {
	layer libcnb.Layer
	// used has the names of the files in the layer that belong to this build.
	used *sync.Map
}

// compressed are how many files there are, and their bytes before and after.
type compressed struct {
	files         int
	before, after int64
}

// files compresses files, several at a time.
func (c compressor) files(ctx context.Context, names []string) (sum compressed, err error) {
	results := make([]compressed, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() (err error) {
			if err = ctx.Err(); err == nil {
				results[i], err = c.file(name)
			}
			return err
		})
	}
	err = group.Wait()
	for _, r := range results {
		sum.files, sum.before, sum.after = sum.files+r.files, sum.before+r.before, sum.after+r.after
	}
	return sum, err
}

// file writes the compressed files of one, unless a build has made them itself. What saves less than a tenth is not worth a file.
func (c compressor) file(name string) (sum compressed, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return sum, problem.Unreadable("read "+filepath.Base(name), err)
	}
	digest := strings.TrimPrefix(layer.Digest(text), "sha256:")
	for _, coder := range coders {
		if _, err := os.Lstat(name + coder.extension); err == nil {
			// The build has made it.
			continue
		}
		small, err := c.compress(coder, digest, text)
		if err != nil {
			return sum, fmt.Errorf("compress %s: %w", filepath.Base(name), err)
		}
		if len(small) > len(text)*9/10 {
			continue
		}
		if coder.extension == ".br" {
			sum = compressed{1, int64(len(text)), int64(len(small))}
		}
		if err := os.WriteFile(name+coder.extension, small, 0o644); errors.Is(err, syscall.ENAMETOOLONG) {
			// It is compressed for each request, then.
			return compressed{}, nil
		} else if err != nil {
			return sum, problem.Disk("write "+filepath.Base(name)+coder.extension, err)
		}
	}
	return sum, nil
}

// compress gives a text in a coding: as the last build kept it, if that is what it was made of, or anew.
func (c compressor) compress(coder coder, digest string, text []byte) ([]byte, error) {
	kept := digest + coder.extension
	c.used.Store(kept, true)
	file := filepath.Join(c.layer.Path, kept)
	if small, err := os.ReadFile(file); err == nil && coder.holds(small, text) {
		return small, nil
	}
	var out bytes.Buffer
	w := coder.writers.Get().(resetter)
	defer coder.writers.Put(w)
	w.Reset(&out)
	_, err := w.Write(text)
	if err = errors.Join(err, w.Close()); err == nil {
		err = os.WriteFile(file, out.Bytes(), 0o644)
	}
	return out.Bytes(), err
}

// holds reports whether what is compressed is a text.
func (c coder) holds(small, text []byte) bool {
	r, err := c.read(bytes.NewReader(small))
	if err != nil {
		return false
	}
	// One byte more than the text shows that there is more.
	large, err := io.ReadAll(io.LimitReader(r, int64(len(text))+1))
	return err == nil && bytes.Equal(large, text)
}

// forget removes what no file of this build needs.
func (c compressor) forget() error {
	entries, err := os.ReadDir(c.layer.Path)
	if err != nil {
		return problem.Unreadable("read the compressed files", err)
	}
	for _, entry := range entries {
		if _, used := c.used.Load(entry.Name()); !used {
			if err := os.RemoveAll(filepath.Join(c.layer.Path, entry.Name())); err != nil {
				return problem.Disk("remove a compressed file", err)
			}
		}
	}
	return nil
}
