package main

import (
	"archive/tar"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// images measures sizes, and that the same source gives the same image.
func (b *bench) images(ctx context.Context) error {
	p, err := b.project("typescript")
	if err != nil {
		return err
	}
	if _, _, err := p.build(ctx); err != nil {
		return err
	}
	bytes, files, err := weigh(filepath.Join(p.cache, "layers"))
	if err != nil {
		return err
	}
	if len(b.npm) > 0 {
		dir, err := b.fresh(p.dir)
		if err != nil {
			return err
		}
		if _, err := (command{dir: dir, env: b.npmEnv(filepath.Join(b.home, "plain-npm")), args: append(b.npm, "ci", "--ignore-scripts")}).run(ctx); err != nil {
			return err
		}
		installed, count, err := weigh(filepath.Join(dir, "node_modules"))
		if err != nil {
			return err
		}
		node, err := b.nodeDistribution(ctx)
		if err != nil {
			return err
		}
		b.add("cache-nestjs-bytes", "the cache of the NestJS sample (packages, Node.js, npm), against the same installed", "MB", []float64{bytes / 1e6}, []float64{(installed + node) / 1e6})
		b.add("cache-nestjs-files", "files in it, as the lifecycle keeps them, against the installed files", "", []float64{files}, []float64{count})
	}
	first := p.last
	if err := p.touch("src/app.controller.ts", 0); err != nil {
		return err
	}
	if _, _, err := p.build(ctx); err != nil {
		return err
	}
	pushed, whole, err := newBytes(first.Image, p.last.Image)
	if err != nil {
		return err
	}
	b.add("pushed-nestjs-line", "bytes pushed after a line of source changed, against the whole image", "MB", []float64{pushed / 1e6}, []float64{whole / 1e6})
	return b.express(ctx)
}

func (b *bench) express(ctx context.Context) error {
	var digests []string
	for range 2 {
		p, err := b.project("express")
		if err != nil {
			return err
		}
		if _, _, err := p.build(ctx); err != nil {
			return err
		}
		digests = append(digests, p.last.Digest.String())
		if len(digests) == 1 {
			if err := b.size(ctx, p); err != nil {
				return err
			}
		}
	}
	same := 0.0
	if digests[0] == digests[1] {
		same = 1
	}
	b.add("digest-express", "1: two cold builds in different folders give the same digest", "", []float64{same}, nil)
	return nil
}

// size compares what stands above the run image with what plain tools leave: Node.js' archive unpacked, and the packages.
func (b *bench) size(ctx context.Context, p *project) error {
	above, err := b.above(ctx, p)
	if err != nil {
		return err
	}
	node, err := b.nodeDistribution(ctx)
	if err != nil {
		return err
	}
	if node == 0 || len(b.npm) == 0 {
		return nil
	}
	dir, err := b.fresh(p.dir)
	if err != nil {
		return err
	}
	if _, err := (command{dir: dir, env: b.npmEnv(filepath.Join(b.home, "plain-npm")), args: append(b.npm, "ci", "--omit=dev", "--ignore-scripts")}).run(ctx); err != nil {
		return err
	}
	packages, _, err := weigh(filepath.Join(dir, "node_modules"))
	if err != nil {
		return err
	}
	b.add("image-express", "everything above the run image, unpacked, against Node.js' distribution with npm, and npm ci --omit=dev", "MB", []float64{above / 1e6}, []float64{(node + packages) / 1e6})
	return nil
}

// above gives the bytes of the files above the run image.
func (b *bench) above(ctx context.Context, p *project) (above float64, err error) {
	base, _, err := localbuild.RunImage(ctx, "", b.runImages(), buildlog.New(io.Discard, false))
	if err != nil {
		return 0, err
	}
	below, err := base.Layers()
	if err != nil {
		return 0, err
	}
	layers, err := p.last.Image.Layers()
	if err != nil {
		return 0, err
	}
	for _, l := range layers[len(below):] {
		content, err := l.Uncompressed()
		if err != nil {
			return 0, err
		}
		for files := tar.NewReader(content); ; {
			header, err := files.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return 0, err
			}
			above += float64(header.Size)
		}
	}
	return above, nil
}

func (b *bench) runImages() string {
	dir, _ := os.UserCacheDir()
	return filepath.Join(dir, "gantry")
}

// newBytes gives what of an image a registry that holds another one lacks.
func newBytes(before, after v1.Image) (pushed, whole float64, err error) {
	known := map[v1.Hash]bool{}
	old, err := before.Layers()
	if err != nil {
		return 0, 0, err
	}
	for _, l := range old {
		digest, err := l.Digest()
		if err != nil {
			return 0, 0, err
		}
		known[digest] = true
	}
	layers, err := after.Layers()
	if err != nil {
		return 0, 0, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return 0, 0, err
		}
		size, err := l.Size()
		if err != nil {
			return 0, 0, err
		}
		whole += float64(size)
		if !known[digest] {
			pushed += float64(size)
		}
	}
	return pushed, whole, nil
}

// weigh gives the bytes and the number of files in a folder.
func weigh(dir string) (bytes, files float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += float64(info.Size())
			files++
		}
		return err
	})
	return bytes, files, err
}
