package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// buildPlatforms builds for both architectures into a folder.
func (p *project) buildPlatforms(output string) (log string, err error) {
	o := p.options()
	o.Output = output
	var out bytes.Buffer
	_, err = localbuild.BuildPlatforms(p.t.Context(), o, []string{"amd64", "arm64"}, buildlog.New(&out, false), &out, &out)
	return out.String(), err
}

// One build gives an index of two platforms: the steps run once, each image has its architecture's runtime and packages, and starts.
func TestTwoPlatforms(t *testing.T) {
	emulator, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		t.Skip("not tested on arm64: there is no qemu-aarch64-static")
	}
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"build":"node build.js","start":"node dist/server.js"}}`,
		"build.js":     `const fs = require("fs"); fs.mkdirSync("dist"); fs.writeFileSync("dist/once", String(Math.random())); fs.writeFileSync("dist/server.js", "const {crc32} = require('@node-rs/crc32'); require('http').createServer((q, r) => r.end(` + "`${crc32('x')} ${process.arch}, built on " + `" + process.arch + "` + "`" + `)).listen(process.env.PORT)")`,
	})
	p.lock("@node-rs/crc32@1.10.6")
	output := filepath.Join(t.TempDir(), "index")
	log, err := p.buildPlatforms(output)
	p.Expect(err).NotTo(HaveOccurred(), log)
	p.Expect(log).To(ContainSubstring("Platform    linux/arm64, of what was built for linux/amd64"))

	roots := map[string]string{}
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := oci.OpenFor(t.Context(), output, arch)
		p.Expect(err).NotTo(HaveOccurred())
		config, err := image.ConfigFile()
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(config.Architecture).To(Equal(arch))
		roots[arch] = t.TempDir()
		stream := mutate.Extract(image)
		p.Expect(archive.Extract(stream, roots[arch], archive.Options{RootFS: true})).To(Succeed())
		_ = stream.Close()
	}
	root := roots["arm64"]
	once, err := os.ReadFile(filepath.Join(root, "workspace/dist/once"))
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(os.ReadFile(filepath.Join(roots["amd64"], "workspace/dist/once"))).To(Equal(once), "the step ran once")
	modules := filepath.Join(root, "layers/gantry_app/modules/node_modules/@node-rs")
	p.Expect(filepath.Join(modules, "crc32-linux-arm64-gnu")).To(BeADirectory())
	p.Expect(filepath.Join(modules, "crc32-linux-x64-gnu")).NotTo(BeADirectory())

	p.Expect(files.Copy(emulator, filepath.Join(root, "usr/bin/emulator"), 0o755)).To(Succeed())
	port := freePort(t)
	cmd := exec.Command("chroot", root, "/usr/bin/emulator", "/layers/gantry_app/node/bin/node", "/workspace/dist/server.js")
	cmd.Env = []string{fmt.Sprintf("PORT=%d", port)}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	p.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p.Eventually(func() (string, error) {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		return string(text), err
	}, 60*time.Second, 200*time.Millisecond).Should(Equal("2363233923 arm64, built on x64"), said.String())
	checked, err := exec.Command("chroot", root, "/usr/bin/emulator", "/layers/gantry_app/gantry/bin/gantry", "preflight").CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(checked))
}

// What would have to run on the other architecture is refused, with what it is.
func TestOtherPlatformIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		packages []string
		more     map[string]string
		why      string
	}{
		"an install script": {packages: []string{"core-js@3.45.0"}, why: "install scripts of node_modules/core-js compile or choose native code for the machine that they run on"},
		"no lockfile": {more: map[string]string{"package.json": `{"name":"x","engines":{"node":"24"},"scripts":{"start":"node server.js"},"dependencies":{"is-number":"7.0.0"}}`},
			why: "there is no lockfile"},
		"a hook that writes into packages": {packages: []string{"is-number@7.0.0"}, more: map[string]string{
			"package.json": `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"postinstall":"touch node_modules/is-number/generated","start":"node server.js"}}`,
		}, why: "the build writes into the application's packages, as code generators and patches do"},
		"a program that was built": {more: map[string]string{
			"package.json": `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"build":"mkdir -p dist && cp /bin/true dist/tool","start":"node server.js"}}`,
		}, why: "the build made dist/tool, a program or library for amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, map[string]string{"package.json": `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"start":"node server.js"}}`, "server.js": ""})
			for file, text := range c.more {
				p.write(file, text)
			}
			if len(c.packages) > 0 {
				p.lock(c.packages...)
			}
			log, err := p.buildPlatforms(filepath.Join(t.TempDir(), "index"))
			p.Expect(err).To(HaveOccurred())
			if found := problem.As(err); !localbuild.Reported(err) {
				log += found.Title + ": " + found.Why
			}
			p.Expect(log).To(ContainSubstring("the application cannot be built for linux/arm64 on this machine"))
			p.Expect(strings.Join(strings.Fields(log), " ")).To(ContainSubstring(c.why))
		})
	}
}

// The application's own build cannot have files written outside of it on this machine: a folder of its source that it has replaced with a
// link is as the build left it.
func TestOtherPlatformStaysInside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	p := newProject(t, map[string]string{
		"package.json":   `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"build":"rm -rf public && ln -s ` + outside + ` public","start":"node server.js"}}`,
		"public/a/b.txt": "x", "server.js": "", "package-lock.json": `{"name":"x","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"x","version":"1.0.0"}}}`,
	})
	log, err := p.buildPlatforms(filepath.Join(t.TempDir(), "index"))
	p.Expect(err).NotTo(HaveOccurred(), log)
	p.Expect(filepath.Join(outside, "a")).NotTo(BeADirectory())
}
