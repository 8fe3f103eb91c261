package check

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// gathered are the workloads of all files, and what of them is no workload.
type gathered struct {
	workloads []manifests.Workload
	skipped   []manifests.Skipped
}

// gather reads the files. Kubernetes manifests are read together, since they refer to each other; and compose files, since later ones
// change earlier ones.
func (o Options) gather(ctx context.Context) (gathered, error) {
	if len(o.Files) == 0 {
		return gathered{workloads: []manifests.Workload{manifests.Environ("this environment", o.Environ)}}, nil
	}
	var g gathered
	var compose []manifests.ComposeFile
	kubernetes, order := map[string][]byte{}, []string{}
	for _, name := range o.Files {
		content, err := o.read(name)
		if err != nil {
			return g, err
		}
		switch {
		case isEnvFile(name):
			w, err := o.envFile(name, content)
			if err != nil {
				return g, err
			}
			g.workloads = append(g.workloads, w)
		case manifests.IsCompose(content):
			compose = append(compose, manifests.ComposeFile{Name: name, Content: content})
		default:
			kubernetes[name] = content
			order = append(order, name)
		}
	}
	if len(compose) > 0 {
		found, err := manifests.Compose(ctx, compose, o.Environ)
		if err != nil {
			return g, err
		}
		g.workloads = append(g.workloads, found...)
	}
	found, skipped, err := manifests.Kubernetes(kubernetes, order)
	if err != nil {
		return g, err
	}
	g.workloads, g.skipped = append(g.workloads, found...), skipped
	if len(g.workloads) == 0 {
		return g, &problem.Problem{
			ID: "check/nothing-found", Title: "nothing in these files runs a container", Where: problem.Position{File: o.Files[0]},
			Why:   "there is no pod, nothing that makes one (Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout), and no service of compose" + notChecked(skipped),
			Hints: []string{"Give the manifests that are deployed, with their ConfigMaps: kustomize build . | gantry check --image IMAGE -"},
		}
	}
	return g, nil
}

func notChecked(skipped []manifests.Skipped) string {
	var texts []string
	for _, skip := range skipped {
		texts = append(texts, skip.What+": "+skip.Why)
	}
	if len(texts) == 0 {
		return ""
	}
	return "; " + problem.Some(texts)
}

func (o Options) envFile(name string, content []byte) (manifests.Workload, error) {
	if o.EnvFormat == "docker" {
		return manifests.DockerEnvFile(name, content, lookup(o.Environ)), nil
	}
	return manifests.EnvFile(name, content, lookup(o.Environ))
}

func isEnvFile(name string) bool {
	base := filepath.Base(name)
	return base == ".env" || strings.HasPrefix(base, ".env.") || strings.HasSuffix(base, ".env")
}

func (o Options) read(name string) ([]byte, error) {
	var content []byte
	var err error
	if name == "-" {
		content, err = io.ReadAll(o.Stdin)
	} else {
		content, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, &problem.Problem{ID: "check/unreadable", Title: name + " cannot be read", Where: problem.Position{File: name}, Why: err.Error(),
			Hints: []string{"Give files, or - for standard input."}, Err: err}
	}
	return content, nil
}
