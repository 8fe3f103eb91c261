package main

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
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
	version := "24.18.0"
	if told, err := exec.CommandContext(ctx, "node", "--version").Output(); err == nil {
		version = strings.TrimPrefix(strings.TrimSpace(string(told)), "v")
	}
	facts := `{"contract":{"variables":[{"name":"DATABASE_URL","type":"url","schemes":["postgres"],"required":true,"pattern":".+"},{"name":"LOG_LEVEL","values":["info"]}]},"runtime":"node","version":"` + version + `"}`
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
	return b.launchNode(ctx, layer, env)
}

// firstAnswer is a server that asks itself, and says so.
const firstAnswer = `const http = require('node:http')
const server = http.createServer((request, response) => response.end('x')).listen(0, '127.0.0.1', () =>
  http.get({ port: server.address().port, host: '127.0.0.1' }, () => { process.stdout.write('answered\n'); process.exit() }))
`

// launchNode measures a start of Node.js with all that Gantry puts next to an application, to its first answer, and each
// process of Node.js that the application starts, with NODE_OPTIONS as the image has it; each in turn with Node.js alone.
func (b *bench) launchNode(ctx context.Context, layer string, env []string) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil
	}
	server, nothing := filepath.Join(b.home, "server.js"), filepath.Join(b.home, "nothing.js")
	for file, text := range map[string]string{
		server: firstAnswer, nothing: "process.stdout.write('x')\n", filepath.Join(layer, crash.WatchFile): crash.WatchScript,
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	init := []string{filepath.Join(layer, "bin/gantry"), "init", "--check", "web", "--", node}
	told := exec.CommandContext(ctx, init[0], append(slices.Clone(init[1:]), "-p", "'NODE_OPTIONS=' + process.env.NODE_OPTIONS + '\\nGANTRY_REPORTS=' + process.env.GANTRY_REPORTS")...)
	told.Env = append(os.Environ(), env...)
	text, err := told.Output()
	if err != nil {
		return err
	}
	for _, row := range []struct {
		name, what    string
		with, without command
	}{
		{"launch-answer", "from the start to the first answer of a server of Node.js, against node alone",
			command{args: append(slices.Clone(init), server), env: env}, command{args: []string{node, server}}},
		{"launch-child", "another process of Node.js in the image, with its NODE_OPTIONS, against node alone",
			command{args: []string{node, nothing}, env: strings.Split(strings.TrimSpace(string(text)), "\n")}, command{args: []string{node, nothing}}},
	} {
		var with, without []float64
		for range 60 {
			for into, c := range map[*[]float64]command{&with: row.with, &without: row.without} {
				took, err := c.firstWord(ctx)
				if err != nil {
					return err
				}
				*into = append(*into, took*1000)
			}
		}
		b.add(row.name, row.what, "ms", with, without)
	}
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
	releases, err := inventory.For(runtime.GOARCH, "glibc", nil)
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
