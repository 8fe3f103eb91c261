// Package target reaches the program gantry in a container that runs somewhere: in a cluster, through kubectl exec; at a Docker engine,
// through docker exec; or on this machine, where gantry run has started it. Nothing is exposed for it.
package target

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Options say where a container is looked for: the words are kubectl's.
type Options struct {
	Namespace, Context, Container string
	// Local gives the first process of a container that gantry run has started, by its name, and the variables for what is started in it.
	Local func(name string) (pid int, env []string, err error)
}

// Target is a container.
type Target struct {
	// Kind is what kubectl calls the object that it belongs to, or one of docker and run.
	kind, name string
	options    Options
}

const (
	docker = "docker"
	local  = "run"
)

// kinds are the objects that have pods, with the short names that kubectl has for them.
var kinds = []string{
	"pod", "pods", "po", "deployment", "deployments", "deploy", "statefulset", "statefulsets", "sts", "daemonset", "daemonsets", "ds",
	"replicaset", "replicasets", "rs", "job", "jobs", "service", "services", "svc",
}

// forms are what a target looks like, for people.
const forms = "deploy/web, pod/web-5d4f, docker://web or run://web"

// Is reports whether a word looks like a target.
func Is(word string) bool {
	_, err := Parse(word, Options{})
	return err == nil
}

// Parse reads a target: KIND/NAME as kubectl has it, docker://CONTAINER, or run://NAME.
func Parse(text string, o Options) (Target, error) {
	for _, scheme := range []string{docker, local} {
		if name, found := strings.CutPrefix(text, scheme+"://"); found && name != "" && !strings.HasPrefix(name, "-") {
			return Target{kind: scheme, name: name, options: o}, o.onlyKubectl(scheme)
		}
	}
	kind, name, found := strings.Cut(text, "/")
	if found && name != "" && !strings.ContainsAny(name, "/ ") && name[0] != '-' && slices.Contains(kinds, strings.ToLower(kind)) {
		return Target{kind: strings.ToLower(kind), name: name, options: o}, nil
	}
	p := &problem.Problem{ID: "target/unknown", Title: "it is not clear where " + text + " runs", Hints: []string{"Write " + forms + "."}}
	if text == "" {
		p.Title = "it is not said where to look"
	} else if found && !strings.Contains(name, "/") {
		p.Why = kind + " is no kind of object that has pods"
	}
	return Target{}, p
}

// onlyKubectl refuses what only a cluster has.
func (o Options) onlyKubectl(scheme string) error {
	for flag, value := range map[string]string{"--namespace": o.Namespace, "--context": o.Context, "--container": o.Container} {
		if value != "" {
			return &problem.Problem{ID: "target/option", Title: flag + " is for clusters, and " + scheme + ":// is none", Hints: []string{"Leave it out."}}
		}
	}
	return nil
}

// String gives the target as it is written.
func (t Target) String() string {
	if t.kind == docker || t.kind == local {
		return t.kind + "://" + t.name
	}
	return t.kind + "/" + t.name
}

// OnThisMachine reports whether gantry run has started it.
func (t Target) OnThisMachine() bool { return t.kind == local }

// InCluster reports whether kubectl reaches it.
func (t Target) InCluster() bool { return t.kind != docker && t.kind != local }

// File is the target as a part of a file's name.
func (t Target) File() string { return strings.NewReplacer("/", "-", ":", "-").Replace(t.name) }
