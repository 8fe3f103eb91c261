package integration

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

// The programs for arm64, run by an emulator: detection, the explanation of a build, and the check in front of a process.
func TestArm64(t *testing.T) {
	emulator, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		t.Skip("not tested on arm64: there is no qemu-aarch64-static")
	}
	g := NewWithT(t)
	dir := t.TempDir()
	programs := filepath.Join(dir, "bin")
	g.Expect(os.Mkdir(programs, 0o755)).To(Succeed())
	cmd := exec.Command("go", "build", "-C", "..", "-trimpath", "-o", programs, "./cmd/detect", "./cmd/gantry", "./cmd/launch")
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	buildpack, err := filepath.Abs("../build/buildpack")
	g.Expect(err).NotTo(HaveOccurred())

	run := func(app string, environ []string, program string, args ...string) (output string, code int) {
		cmd := exec.Command(emulator, append([]string{filepath.Join(programs, program)}, args...)...)
		cmd.Dir, cmd.Env = app, append(environ, "PATH="+os.Getenv("PATH"))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		if _, ended := errors.AsType[*exec.ExitError](err); !ended {
			g.Expect(err).NotTo(HaveOccurred())
		}
		return out.String(), cmd.ProcessState.ExitCode()
	}
	plan := filepath.Join(dir, "plan.toml")
	lifecycle := []string{
		"CNB_BUILDPACK_DIR=" + buildpack, "CNB_PLATFORM_DIR=" + dir, "CNB_BUILD_PLAN_PATH=" + plan, "CNB_TARGET_OS=linux", "CNB_TARGET_ARCH=arm64",
		"CNB_TARGET_DISTRO_NAME=debian", "CNB_TARGET_DISTRO_VERSION=12",
	}
	express := copySample(t, "express").dir
	output, code := run(express, lifecycle, "detect")
	g.Expect(code).To(Equal(0), output)
	provided, err := os.ReadFile(plan)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(provided)).To(ContainSubstring("node_modules"))
	output, code = run(newProject(t, map[string]string{"main.py": ""}).dir, lifecycle, "detect")
	g.Expect(code).To(Equal(100), "what the lifecycle takes as: not for this buildpack")
	g.Expect(output).To(HavePrefix("Not for Gantry: "))

	output, code = run(express, nil, "gantry", "explain")
	g.Expect(code).To(Equal(0), output)
	g.Expect(output).To(ContainSubstring("Node.js "))
	output, code = run(copySample(t, "sinatra").dir, nil, "gantry", "explain")
	g.Expect(code).To(Equal(0), output)

	g.Expect(os.WriteFile(filepath.Join(dir, "launch.json"), []byte(`{"contract": {"variables": [{"name": "KEY", "required": true}]}}`), 0o644)).To(Succeed())
	output, code = run(dir, []string{"KEY=x"}, "launch", "init", "--check", "web", "--", "/bin/echo", "started")
	g.Expect(output).To(ContainSubstring("started\n"))
	g.Expect(code).To(Equal(0))
	output, code = run(dir, nil, "launch", "init", "--check", "web", "--", "/bin/echo", "started")
	g.Expect(output).To(HavePrefix("gantry: the configuration is not complete; process web does not start\n"))
	g.Expect(code).To(Equal(82))
}
