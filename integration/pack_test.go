package integration

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// buildpack makes a buildpack of two scripts.
func (d *docker) buildpack(t *testing.T, id, detect, build string) string {
	dir := t.TempDir()
	d.Expect(os.Mkdir(filepath.Join(dir, "bin"), 0o755)).To(Succeed())
	d.Expect(os.WriteFile(filepath.Join(dir, "buildpack.toml"), []byte("api = \"0.10\"\n[buildpack]\nid = \""+id+"\"\nversion = \"1.0.0\"\n[[targets]]\nos = \"linux\"\n"), 0o644)).To(Succeed())
	for name, script := range map[string]string{"detect": detect, "build": build} {
		d.Expect(os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/bin/sh\nset -eu\n"+script), 0o755)).To(Succeed())
	}
	return dir
}

// An application's own order: a buildpack before Gantry, and one behind it that needs what Gantry provides. The builder is
// not trusted: each phase has a container of its own, as the builder's user.
func TestPackWithOtherBuildpacks(t *testing.T) {
	d := packEngine(t)
	before := d.buildpack(t, "test/before", "exit 0\n", "echo 'before: no node yet'; ! command -v node\n")
	after := d.buildpack(t, "test/after", `
printf '[[requires]]\nname = "node"\n[requires.metadata]\nbuild = true\n[[requires]]\nname = "npm"\n[[requires]]\nname = "node_modules"\n[requires.metadata]\nbuild = true\n' > "$CNB_BUILD_PLAN_PATH"
`, `
echo "after: node $(node --version), npm $(npm --version)"
node -e 'require("express"); console.log("after: express is there")'
cat > "$CNB_LAYERS_DIR/launch.toml" <<TOML
[[processes]]
type = "report"
command = ["node"]
args = ["-e", "console.log('report of', require('express/package.json').name)"]
TOML
`)
	p := copySample(t, "express")
	p.write("secret.txt", "left out")
	p.write("project.toml", `[_]
schema-version = "0.2"
[io.buildpacks]
exclude = ["secret.txt"]
[[io.buildpacks.group]]
uri = "`+before+`"
[[io.buildpacks.group]]
id = "gantry/app"
[[io.buildpacks.group]]
uri = "`+after+`"
`)
	file := filepath.Join(t.TempDir(), "build.env")
	d.Expect(os.WriteFile(file, []byte("BP_NODE_VERSION=22\n"), 0o644)).To(Succeed())
	d.lifecycleImage(t)
	output := d.packBuild(p.dir, "--env-file", file, "--trust-builder=false", "--clear-cache")
	d.Expect(output).To(MatchRegexp(`Node\.js +22\.\d+\.\d+ +from BP_NODE_VERSION \(22\)`))
	d.Expect(regexp.MustCompile(`Download    node .* MB from `).FindAllString(output, -1)).To(HaveLen(1), output)
	d.Expect(output).To(ContainSubstring("before: no node yet"))
	d.Expect(output).To(MatchRegexp(`after: node v22\.\d+\.\d+, npm \d+`))
	d.Expect(output).To(ContainSubstring("after: express is there"))
	d.Expect(d.run("docker", "run", "--rm", "--entrypoint", "report", appTag)).To(Equal("report of express\n"))
	d.Expect(d.run("docker", "run", "--rm", "--entrypoint", "ls", appTag, "/workspace")).NotTo(ContainSubstring("secret.txt"))
	output = d.packBuild(p.dir, "--env-file", file, "--trust-builder=false")
	d.Expect(output).To(ContainSubstring("Layer       modules: created (another buildpack needs them while it builds)"))
	d.Expect(output).To(ContainSubstring("after: express is there"))
	d.Expect(output).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))

	d.Expect(d.run("../build/tools/pack", "inspect", appTag)).To(MatchRegexp(`(?m)^ +web \(default\) .*node.*server\.js`))
	materials := t.TempDir()
	d.run("../build/tools/pack", "sbom", "download", appTag, "--output-dir", materials)
	found, err := exec.Command("grep", "-rlE", `pkg:npm/express@5`, materials).Output()
	d.Expect(err).NotTo(HaveOccurred())
	d.Expect(string(found)).To(ContainSubstring("sbom.cdx.json"))
	d.Expect(string(found)).To(ContainSubstring("sbom.spdx.json"))

	// In a registry, another run image takes the place of the one below, and nothing is built.
	at := localRegistry(t)
	app, run := at+"/app:latest", at+"/run:latest"
	base, _, err := localbuild.RunImage(t.Context(), "", homeFolder(), buildlog.New(io.Discard, false))
	d.Expect(err).NotTo(HaveOccurred())
	patch, err := crane.Layer(map[string][]byte{"etc/patched": nil})
	d.Expect(err).NotTo(HaveOccurred())
	patched, err := mutate.AppendLayers(base, patch)
	d.Expect(err).NotTo(HaveOccurred())
	d.Expect(crane.Push(patched, run)).To(Succeed())
	d.run("docker", "tag", appTag, app)
	d.run("docker", "push", "-q", app)
	d.run("docker", "rmi", app)
	d.Expect(d.run("../build/tools/pack", "rebase", app, "--publish", "--run-image", run, "--force")).To(ContainSubstring("Successfully rebased"))
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", app) })
	d.Expect(d.run("docker", "run", "--rm", "--entrypoint", "report", app)).To(HaveSuffix("report of express\n"))
	d.Expect(d.run("docker", "run", "--rm", "--entrypoint", "ls", app, "/etc/patched")).To(Equal("/etc/patched\n"))
}

// localRegistry is a registry in this process.
func localRegistry(t *testing.T) string {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// lifecycleImage makes what pack takes from a public registry for builders that are not trusted.
func (d *docker) lifecycleImage(t *testing.T) {
	dir := t.TempDir()
	d.run("../scripts/lifecycle-archive.sh", filepath.Join(dir, "lifecycle.tgz"))
	d.Expect(os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+buildTag+"\nADD lifecycle.tgz /cnb/\nUSER root\n"), 0o644)).To(Succeed())
	d.run("docker", "build", "-q", "-t", "gantry-test/lifecycle:latest", dir)
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", "gantry-test/lifecycle:latest") })
	d.run("../build/tools/pack", "config", "lifecycle-image", "gantry-test/lifecycle:latest")
}
