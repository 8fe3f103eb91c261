package target_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"deploy/web": "", "deployment/web": "", "Deployment/web": "", "pod/web-5d4f": "", "po/x": "", "sts/db": "", "svc/web": "", "job/once": "", "docker://web": "", "run://web": "",
		"web": "target/unknown", "": "target/unknown", "deploy/": "target/unknown", "/web": "target/unknown", "secret/x": "target/unknown", "deploy/a/b": "target/unknown",
		"docker://": "target/unknown", "docker://--help": "target/unknown", "deploy/--all": "target/unknown", "ssh://web": "target/unknown",
	} {
		_, err := target.Parse(text, target.Options{})
		if want == "" {
			NewWithT(t).Expect(err).NotTo(HaveOccurred(), text)
			continue
		}
		NewWithT(t).Expect(problem.As(err).ID).To(Equal(want), text)
	}
}

// programs makes kubectl, docker and nsenter of a script for this test; each call is noted.
func programs(t *testing.T, script string) (calls func() string) {
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	for _, name := range []string{"kubectl", "docker", "nsenter"} {
		text := "#!/bin/sh\necho \"" + name + " $*\" >> " + log + "\n" + script
		NewWithT(t).Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)).To(Succeed())
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return func() string {
		text, _ := os.ReadFile(log)
		return string(text)
	}
}

func local(name string) (int, []string, error) {
	if name != "web" {
		return 0, nil, errors.New("there is no such container")
	}
	return 4711, []string{"PATH=" + os.Getenv("PATH"), "CNB_PLATFORM_API=0.14"}, nil
}

// The words are those of kubectl and docker, and no shell sees them.
func TestCommands(t *testing.T) {
	for name, c := range map[string]struct {
		target  string
		options target.Options
		want    string
	}{
		"a cluster":      {"deploy/web", target.Options{}, "kubectl exec -i deploy/web -- /cnb/process/gantry logpoint a.js:1 $(id); x\n"},
		"with all flags": {"sts/db", target.Options{Namespace: "shop", Context: "prod", Container: "app"}, "kubectl --context prod --namespace shop exec -i sts/db --container app -- /cnb/process/gantry logpoint a.js:1 $(id); x\n"},
		"Docker":         {"docker://web", target.Options{}, "docker exec -i web /cnb/process/gantry logpoint a.js:1 $(id); x\n"},
		"of gantry run":  {"run://web", target.Options{}, "nsenter --target 4711 --user --preserve-credentials --mount --pid --ipc --root --wd -- /cnb/process/gantry logpoint a.js:1 $(id); x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			calls := programs(t, "exit 0\n")
			c.options.Local = local
			to, err := target.Parse(c.target, c.options)
			g.Expect(err).NotTo(HaveOccurred())
			code, err := to.Run(context.Background(), []string{"logpoint", "a.js:1", "$(id); x"}, target.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(code).To(Equal(0))
			g.Expect(calls()).To(Equal(c.want))
		})
	}
}

// What the program in the container says passes; what kubectl and docker say of themselves becomes the reason of one error.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		script, target string
		id, why        string
		code           int
		errors         string
	}{
		"the program's own failure":    {"echo 'gantry: the console is not enabled' >&2; echo 'command terminated with exit code 1' >&2; exit 1", "deploy/web", "", "", 1, "gantry: the console is not enabled\n"},
		"its exit code":                {"exit 2", "docker://web", "", "", 2, ""},
		"several containers":           {"echo 'Defaulted container \"web\" out of: web, proxy' >&2; exit 0", "deploy/web", "", "", 0, ""},
		"no such object":               {"echo 'Error from server (NotFound): deployments.apps \"web\" not found' >&2; exit 1", "deploy/web", "target/unreachable", `Error from server (NotFound): deployments.apps "web" not found`, 0, ""},
		"no cluster":                   {"echo 'The connection to the server localhost:8080 was refused - did you specify the right host or port?' >&2; exit 1", "pod/web", "target/unreachable", "The connection to the server localhost:8080 was refused - did you specify the right host or port?", 0, ""},
		"not allowed":                  {"echo 'Error from server (Forbidden): pods \"web\" is forbidden: User \"me\" cannot create resource \"pods/exec\"' >&2; exit 1", "pod/web", "target/unreachable", `Error from server (Forbidden): pods "web" is forbidden: User "me" cannot create resource "pods/exec"`, 0, ""},
		"no such container":            {"echo 'Error response from daemon: No such container: web' >&2; exit 1", "docker://web", "target/unreachable", "Error response from daemon: No such container: web", 0, ""},
		"an image of others":           {"echo 'OCI runtime exec failed: exec failed: unable to start container process: exec: \"/cnb/process/gantry\": stat /cnb/process/gantry: no such file or directory: unknown' >&2; exit 127", "docker://web", "target/no-gantry", "its image has no process type called gantry", 0, ""},
		"an image of others, in a pod": {"echo 'error: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: exec: \"/cnb/process/gantry\": stat /cnb/process/gantry: no such file or directory' >&2; echo 'command terminated with exit code 127' >&2; exit 127", "pod/web", "target/no-gantry", "its image has no process type called gantry", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			programs(t, c.script+"\n")
			to, err := target.Parse(c.target, target.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			var said bytes.Buffer
			code, err := to.Run(context.Background(), []string{"stacks"}, target.Streams{Out: &bytes.Buffer{}, Err: &said})
			if c.id != "" {
				g.Expect(problem.As(err).ID).To(Equal(c.id))
				g.Expect(problem.As(err).Why).To(Equal(c.why))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(code).To(Equal(c.code))
			g.Expect(said.String()).To(Equal(c.errors))
		})
	}
}

func TestAProgramThatIsNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, name := range []string{"deploy/web", "docker://web"} {
		g := NewWithT(t)
		to, err := target.Parse(name, target.Options{})
		g.Expect(err).NotTo(HaveOccurred())
		_, err = to.Run(context.Background(), []string{"ps"}, target.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		g.Expect(problem.As(err).ID).To(Equal("target/no-program"))
	}
}

// Running pods alone are looked into: those of the object's selector, in its namespace.
func TestPods(t *testing.T) {
	const pods = `{"items": [{"metadata": {"name": "web-1"}, "status": {"phase": "Running"}}, {"metadata": {"name": "web-2"}, "status": {"phase": "Pending"}}, {"metadata": {"name": "web-3"}, "status": {"phase": "Running"}}]}`
	for name, c := range map[string]struct {
		object, target string
		want           []string
		id, call       string
	}{
		"a Deployment":       {`{"kind": "Deployment", "spec": {"selector": {"matchLabels": {"tier": "front", "app": "web"}}}}`, "deploy/web", []string{"pod/web-1", "pod/web-3"}, "", "get --output json pods --selector app=web,tier=front"},
		"a Service":          {`{"kind": "Service", "spec": {"selector": {"app": "web"}}}`, "svc/web", []string{"pod/web-1", "pod/web-3"}, "", "--selector app=web"},
		"a pod":              {`{"kind": "Pod", "spec": {}}`, "pod/web-1", []string{"pod/web-1"}, "", ""},
		"expressions":        {`{"kind": "Deployment", "spec": {"selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{}]}}}`, "deploy/web", nil, "target/selector", ""},
		"no selector at all": {`{"kind": "Service", "spec": {}}`, "svc/web", nil, "target/selector", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			calls := programs(t, "case \"$*\" in *pods\\ --selector*) echo '"+pods+"' ;; *) echo '"+c.object+"' ;; esac\n")
			to, err := target.Parse(c.target, target.Options{Namespace: "shop"})
			g.Expect(err).NotTo(HaveOccurred())
			list, err := to.Pods(context.Background())
			if c.id != "" {
				g.Expect(problem.As(err).ID).To(Equal(c.id))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			var names []string
			for _, pod := range list {
				names = append(names, pod.String())
			}
			g.Expect(names).To(Equal(c.want))
			g.Expect(calls()).To(And(ContainSubstring(c.call), HavePrefix("kubectl --namespace shop get")))
		})
	}
	programs(t, "case \"$*\" in *pods\\ --selector*) echo '{\"items\": []}' ;; *) echo '{\"kind\": \"Service\", \"spec\": {\"selector\": {\"app\": \"web\"}}}' ;; esac\n")
	to, err := target.Parse("svc/web", target.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	_, err = to.Pods(context.Background())
	NewWithT(t).Expect(problem.As(err).ID).To(Equal("target/no-pods"))
	NewWithT(t).Expect(strings.Join(problem.As(err).Hints, "")).To(ContainSubstring("kubectl get pods"))
}
