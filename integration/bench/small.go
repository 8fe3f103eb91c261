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

// launch measures what Gantry adds to a start, until the application says its first word: the check before the process,
// and the program in front of it.
func (b *bench) launch(ctx context.Context) error {
	layer := filepath.Join(b.home, "layers/gantry")
	if err := os.MkdirAll(layer, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(layer, "bin"), os.DirFS(filepath.Join(b.root, "build/buildpack/bin"))); err != nil {
		return err
	}
	facts := `{"contract":{"variables":[{"name":"DATABASE_URL","type":"url","schemes":["postgres"],"required":true,"pattern":".+"},{"name":"LOG_LEVEL","values":["info"]}]},"runtime":"node","version":"24.18.0"}`
	if err := os.WriteFile(filepath.Join(layer, "launch.json"), []byte(facts), 0o644); err != nil {
		return err
	}
	env := []string{"DATABASE_URL=postgres://host/db"}
	var with, without []float64
	for range 100 {
		started, err := command{args: []string{filepath.Join(layer, "bin/gantry"), "init", "--check", "web", "--", "/bin/echo"}, env: env}.firstWord(ctx)
		if err != nil {
			return err
		}
		alone, err := command{args: []string{"/bin/echo"}}.firstWord(ctx)
		if err != nil {
			return err
		}
		with = append(with, (started-alone)*1000)
		without = append(without, alone*1000)
	}
	b.add("launch-added", "added to a start by gantry init, with the launch check", "ms", with, nil)
	b.add("launch-echo", "for comparison: starting /bin/echo alone", "ms", without, nil)
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
	releases, err := catalog.For(runtime.GOARCH)
	if err != nil {
		return 0, err
	}
	registry := os.Getenv("BP_NPM_REGISTRY")
	if registry == "" {
		registry = "https://registry.npmjs.org"
	}
	total, wanted := 0.0, map[string]string{"node": "24.", "npm": ""}
	for _, r := range releases.Releases {
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
