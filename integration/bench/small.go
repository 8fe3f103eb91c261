package main

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/klauspost/compress/gzip"

	"github.com/gantry-buildpack/gantry/internal/catalog"
	"github.com/gantry-buildpack/gantry/internal/fetch"
)

// phase is how to run a phase by hand: the variables of the buildpack specification, and folders for what it writes.
func (b *bench) phase(sample, program string) (command, error) {
	p, err := b.project(sample)
	if err != nil {
		return command{}, err
	}
	dir := filepath.Dir(p.dir)
	for _, name := range []string{"layers", "platform/env"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return command{}, err
		}
	}
	plan := filepath.Join(dir, "plan.toml")
	if err := os.WriteFile(plan, []byte("[[entries]]\nname = \"node\"\n"), 0o644); err != nil {
		return command{}, err
	}
	buildpack := filepath.Join(b.root, "build/buildpack")
	return command{
		dir: p.dir, args: []string{filepath.Join(buildpack, "bin", program)},
		env: []string{
			"CNB_BUILDPACK_DIR=" + buildpack, "CNB_LAYERS_DIR=" + filepath.Join(dir, "layers"), "CNB_PLATFORM_DIR=" + filepath.Join(dir, "platform"),
			"CNB_BP_PLAN_PATH=" + plan, "CNB_BUILD_PLAN_PATH=" + plan, "CNB_TARGET_OS=linux", "CNB_TARGET_ARCH=" + runtime.GOARCH,
			"CNB_TARGET_DISTRO_NAME=debian", "CNB_TARGET_DISTRO_VERSION=12",
		},
	}, nil
}

func (b *bench) detect(ctx context.Context) error {
	c, err := b.phase("typescript", "detect")
	if err != nil {
		return err
	}
	var took []float64
	for range 20 {
		cost, err := c.run(ctx)
		if err != nil {
			return err
		}
		took = append(took, cost.Wall*1000)
	}
	b.add("detect", "bin/detect of the NestJS sample, the start of the program included", "ms", took, nil)
	return nil
}

// launch measures what the program in front of the application adds to a start.
func (b *bench) launch(ctx context.Context) error {
	gantry := filepath.Join(b.root, "build/buildpack/bin/gantry")
	var with, without []float64
	for range 50 {
		c, err := command{args: []string{gantry, "init", "--", "/bin/true"}}.run(ctx)
		if err != nil {
			return err
		}
		with = append(with, c.Wall*1000)
		if c, err = (command{args: []string{"/bin/true"}}).run(ctx); err != nil {
			return err
		}
		without = append(without, c.Wall*1000)
	}
	b.add("launch", "starting a program through gantry init, against starting it alone", "ms", with, without)
	return nil
}

// profileBuild writes a CPU profile of a first build of the NestJS sample.
func (b *bench) profileBuild(ctx context.Context) error {
	c, err := b.phase("typescript", "build")
	if err != nil {
		return err
	}
	c.env = append(c.env, "GANTRY_CPU_PROFILE="+b.profile)
	_, err = c.run(ctx)
	return err
}

// nodeDistribution gives the size of Node.js as it is distributed, with npm; 0 when that cannot be had.
func (b *bench) nodeDistribution(ctx context.Context) (float64, error) {
	var buildpack struct{ Metadata map[string]any }
	if _, err := toml.DecodeFile(filepath.Join(b.root, "buildpack.toml"), &buildpack); err != nil {
		return 0, err
	}
	releases, err := catalog.Read(buildpack.Metadata)
	if err != nil {
		return 0, err
	}
	registry := os.Getenv("BP_NPM_REGISTRY")
	if registry == "" {
		registry = "https://registry.npmjs.org"
	}
	total, wanted := 0.0, map[string]string{"node": "24.", "npm": ""}
	for _, r := range releases.For(runtime.GOARCH).Releases {
		line, ok := wanted[r.Name]
		if !ok || !strings.HasPrefix(r.Version, line) || r.Package == "" {
			continue
		}
		if r.Name == "node" {
			wanted["npm"] = r.Manager
		}
		delete(wanted, r.Name)
		file := filepath.Join(b.home, "distribution.tgz")
		source := fetch.File{URL: registry + "/" + r.Package + "/-/" + r.Package + "-" + r.Version + ".tgz", Checksum: r.Integrity}
		if _, _, err := fetch.NewClient("gantry-bench").Save(ctx, source, file); err != nil {
			return 0, err
		}
		size, err := unpackedSize(file)
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}

func unpackedSize(file string) (size float64, err error) {
	in, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }()
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return 0, err
	}
	for reader := tar.NewReader(zipped); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
		size += float64(header.Size)
	}
}
