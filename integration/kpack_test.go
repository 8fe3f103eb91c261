package integration

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// kpackPod is what is needed of a pod: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
type kpackPod struct {
	Spec struct {
		InitContainers  []kpackStep
		SecurityContext struct{ RunAsUser, RunAsGroup, FSGroup int64 }
		Volumes         []struct {
			Name                  string
			Secret                *struct{ SecretName string }
			PersistentVolumeClaim *struct{}
		}
	}
}

type kpackStep struct {
	Name, Image, WorkingDir string
	Command, Args           []string
	Env                     []struct{ Name, Value string }
	VolumeMounts            []struct {
		Name, MountPath string
		ReadOnly        bool
	}
	SecurityContext struct {
		AllowPrivilegeEscalation bool
		Capabilities             struct{ Drop []string }
	}
	Resources struct{ Limits struct{ Memory string } }
}

// kpackBuilds runs builds as kpack does: one container after the other, as kpack's own code says.
type kpackBuilds struct {
	*docker
	t        *testing.T
	registry string
	program  string
	cache    string
	// user runs the containers in place of the builder's, as OpenShift has it: any number, which has no name.
	user string
	// room is that of the layers' volume in megabytes; 0 is as much as there is.
	room int
	// options are those of each container.
	options []string
	memory  string
	// secrets are service bindings: files by name.
	secrets map[string]map[string]string
	last    string
}

func newKpackBuilds(t *testing.T) *kpackBuilds {
	if os.Getuid() != 0 {
		t.Skip("not tested with kpack's pods: their volumes are made by root")
	}
	b := &kpackBuilds{docker: packEngine(t), t: t, cache: t.TempDir()}
	b.registry = localRegistry(t)
	b.program = filepath.Join(t.TempDir(), "kpack")
	b.run("go", "build", "-C", "kpack", "-o", b.program, ".")

	base, _, err := localbuild.RunImage(t.Context(), "", homeFolder(), buildlog.New(io.Discard, false))
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(crane.Push(base, b.registry+"/run:latest")).To(Succeed())
	return b
}

// pod asks kpack for the pod of a build.
func (b *kpackBuilds) pod() kpackPod {
	spec := map[string]any{
		"tags": []string{b.registry + "/app:latest"}, "builder": map[string]string{"image": builderTag}, "source": map[string]any{"blob": map[string]string{"url": "http://sources.example/app.tgz"}},
		"cache": map[string]any{"volume": map[string]string{"persistentVolumeClaimName": "cache"}}, "resources": map[string]any{"limits": map[string]string{"memory": b.memory}},
	}
	if b.last != "" {
		spec["lastBuild"] = map[string]string{"image": b.last}
	}
	order, err := json.Marshal(map[string]any{
		"build":    map[string]any{"metadata": map[string]string{"name": "app-build-1"}, "spec": spec},
		"builder":  map[string]any{"StackID": "gantry", "RunImage": b.registry + "/run:latest", "Uid": 1000, "Gid": 1000, "PlatformAPIs": []string{"0.7", "0.8", "0.9"}, "ResolvedImage": builderTag},
		"bindings": slices.Sorted(maps.Keys(b.secrets)),
	})
	b.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(b.program)
	cmd.Stdin = bytes.NewReader(order)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	b.Expect(err).NotTo(HaveOccurred(), errs.String())
	var pod kpackPod
	b.Expect(json.Unmarshal(out, &pod)).To(Succeed())
	return pod
}

// build gives what each step printed; it stops at the first that fails, which it names.
//
// The first step fetches the sources: kpack's program for that is compiled by scripts/kpack-test.sh alone, which takes minutes.
// Here the same user unpacks them into the same volumes.
func (b *kpackBuilds) build(app string, env map[string]string) (logs map[string]string, failed string) {
	pod := b.pod()
	who := pod.Spec.SecurityContext
	user, group := cmp.Or(b.user, fmt.Sprintf("%d:%d", who.RunAsUser, who.RunAsGroup)), fmt.Sprint(who.FSGroup)

	// What a volume is to a pod: a folder of root's that its group may write to.
	folders := map[string]string{}
	dir := b.t.TempDir()
	for _, volume := range pod.Spec.Volumes {
		folder := filepath.Join(dir, volume.Name)
		if volume.PersistentVolumeClaim != nil {
			folder = b.cache
		}
		b.Expect(os.MkdirAll(folder, 0o755)).To(Succeed())
		if volume.Name == "layers-dir" && b.room > 0 {
			b.run("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", b.room), "tmpfs", folder)
			defer func() { _ = b.try("umount", "-l", folder) }()
		}
		if volume.Secret != nil {
			for file, content := range b.secrets[volume.Secret.SecretName] {
				b.Expect(os.WriteFile(filepath.Join(folder, file), []byte(content), 0o644)).To(Succeed())
			}
		}
		b.Expect(os.Chown(folder, 0, 1000)).To(Succeed())
		b.Expect(os.Chmod(folder, 0o775|os.ModeSetgid)).To(Succeed())
		folders[volume.Name] = folder
	}
	b.Expect(os.Chmod(dir, 0o755)).To(Succeed())

	b.Expect(os.Mkdir(filepath.Join(folders["platform-dir"], "env"), 0o755)).To(Succeed())
	for variable, value := range env {
		b.Expect(os.WriteFile(filepath.Join(folders["platform-dir"], "env", variable), []byte(value), 0o644)).To(Succeed())
	}
	b.run("docker", "run", "--rm", "--user", user, "--group-add", group, "-v", app+":/source:ro", "-v", folders["workspace-dir"]+":/workspace",
		"--entrypoint", "cp", builderTag, "-R", "--no-preserve=ownership", "/source/.", "/workspace")

	logs = map[string]string{}
	for _, step := range pod.Spec.InitContainers {
		if step.Name == "prepare" {
			continue
		}
		b.Expect(step.SecurityContext.AllowPrivilegeEscalation).To(BeFalse())
		args := []string{"docker", "run", "--rm", "--network", "host", "--user", user, "--group-add", group, "--security-opt", "no-new-privileges"}
		for _, capability := range step.SecurityContext.Capabilities.Drop {
			args = append(args, "--cap-drop", capability)
		}
		if limit := step.Resources.Limits.Memory; limit != "" {
			limit = strings.TrimSuffix(limit, "i")
			args = append(args, "--memory", limit, "--memory-swap", limit)
		}
		for _, mount := range step.VolumeMounts {
			volume := folders[mount.Name] + ":" + mount.MountPath
			if mount.ReadOnly {
				volume += ":ro"
			}
			args = append(args, "-v", volume)
		}
		if _, err := os.Stat(certificatesFile); err == nil {
			args = append(args, "-v", certificatesFile+":"+certificatesFile+":ro")
		}
		for _, variable := range step.Env {
			args = append(args, "-e", variable.Name+"="+variable.Value)
		}
		if step.WorkingDir != "" {
			args = append(args, "-w", step.WorkingDir)
		}
		args = append(append(args, b.options...), "--entrypoint", step.Command[0], step.Image)
		out, err := b.command(append(args, append(step.Command[1:], step.Args...)...)...).CombinedOutput()
		logs[step.Name] = string(out)
		if err != nil {
			return logs, step.Name
		}
	}
	b.last = b.registry + "/app:latest"
	return logs, ""
}

// serves starts what was built, in a container without rights.
func (b *kpackBuilds) serves(t *testing.T, text string) {
	b.run("docker", "pull", "-q", b.last)
	b.run("docker", "tag", b.last, insideTag)
	t.Cleanup(func() { _ = b.try("docker", "rmi", "-f", insideTag, b.last) })
	c := b.deploy(t)
	response, err := http.Get(c.address)
	b.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(string(body)).To(ContainSubstring(text))
}

// on is the same with a test, a cache and an earlier build of its own.
func (b *kpackBuilds) on(t *testing.T) *kpackBuilds {
	c := *b
	c.docker = &docker{WithT: NewWithT(t), host: b.host, home: b.home}
	c.t, c.cache, c.last, c.secrets = t, t.TempDir(), "", nil
	return &c
}

func TestKpackPods(t *testing.T) {
	all := newKpackBuilds(t)
	all.memory = "512Mi"
	built := func(b *kpackBuilds, app string, env map[string]string) map[string]string {
		logs, failed := b.build(app, env)
		b.Expect(failed).To(BeEmpty(), func() string { return logs[failed] })
		return logs
	}

	t.Run("TypeScript in 512 MiB, twice", func(t *testing.T) {
		b := all.on(t)
		p := copySample(t, "typescript")
		first := built(b, p.dir, map[string]string{"BP_LOG_LEVEL": "debug"})
		b.Expect(first["build"]).To(ContainSubstring("Layer       modules: created (no cached layer)"))
		b.serves(t, "Hello")
		again := built(b, p.dir, nil)
		b.Expect(again["build"]).To(ContainSubstring("Layer       modules: reused (inputs unchanged)"))
		b.Expect(again["export"]).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))
	})

	t.Run("any user, on a read-only file system", func(t *testing.T) {
		b := all.on(t)
		// Such a cluster's builder says that it is this user.
		b.user, b.options = "1000650000:1000", []string{"--read-only", "--tmpfs", "/tmp:mode=1777", "-e", "CNB_USER_ID=1000650000"}
		p := copySample(t, "express")
		built(b, p.dir, nil)
		b.serves(t, "Hello from Express")
		again := built(b, p.dir, nil)
		b.Expect(again["export"]).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))
	})

	// What npm needs to reach a private registry is a binding, which no layer and no output may hold.
	t.Run("a private registry", func(t *testing.T) {
		const canary = "canary-91c2e7"
		b := all.on(t)
		var answered atomic.Int32
		private := npmRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "Bearer "+canary {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			answered.Add(1)
			return false
		})
		b.secrets = map[string]map[string]string{"npm": {
			"type": "npmrc", ".npmrc": fmt.Sprintf("registry=%s/\n//%s/:_authToken=%s\n", private, strings.TrimPrefix(private, "http://"), canary),
		}}
		p := newProject(t, map[string]string{
			"package.json": `{"name": "shop", "version": "1.0.0", "scripts": {"start": "node server.js"}, "dependencies": {"is-number": "7.0.0"}}`,
			"server.js":    `require('http').createServer((q, r) => r.end('seven is a number: ' + require('is-number')(7))).listen(process.env.PORT)`,
		})
		p.addDependency("is-number", "7.0.0")
		logs := built(b, p.dir, nil)
		for step, text := range logs {
			b.Expect(text).NotTo(ContainSubstring(canary), step)
		}
		b.serves(t, "seven is a number: true")
		b.Expect(answered.Load()).To(BeNumerically(">", 0))
	})

	// What a full disk stops says so, and leaves the cache as it was.
	t.Run("a full disk", func(t *testing.T) {
		b := all.on(t)
		p := copySample(t, "express")
		built(b, p.dir, nil)
		b.room = 40
		logs, failed := b.build(p.dir, map[string]string{"BP_NODE_VERSION": "22"})
		b.Expect(failed).To(Equal("build"))
		b.Expect(logs["build"]).To(ContainSubstring("[disk/full]"))
		b.room = 0
		again := built(b, p.dir, nil)
		b.Expect(again["build"]).To(ContainSubstring("Layer       modules: reused (inputs unchanged)"))
		b.serves(t, "Hello from Express")
	})

	// Two pods that share a cache, at once: whatever becomes of them, what the cache holds is right.
	t.Run("two builds and one cache", func(t *testing.T) {
		b := all.on(t)
		p := copySample(t, "express")
		built(b, p.dir, nil)
		other := all.on(t)
		other.cache = b.cache
		changed := copySample(t, "express")
		changed.addDependency("is-number", "7.0.0")
		var group sync.WaitGroup
		for _, one := range []struct {
			*kpackBuilds
			dir string
		}{{b, p.dir}, {other, changed.dir}} {
			group.Go(func() {
				for range 2 {
					if logs, failed := one.build(one.dir, nil); failed != "" {
						t.Logf("%s failed:\n%s", failed, logs[failed])
					}
				}
			})
		}
		group.Wait()
		built(b, changed.dir, nil)
		b.serves(t, "Hello from Express")
	})

	t.Run("nothing for Gantry", func(t *testing.T) {
		b := all.on(t)
		p := newProject(t, map[string]string{"main.py": ""})
		logs, failed := b.build(p.dir, nil)
		b.Expect(failed).To(Equal("detect"))
		b.Expect(logs["detect"]).To(ContainSubstring("Not for Gantry: its folder contains none of "))
	})
}
