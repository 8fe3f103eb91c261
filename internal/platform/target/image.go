package target

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Image gives the reference of the image that a container runs: with its digest in a cluster, an id at a Docker engine. Of an object in a cluster it is that of
// its first running pod.
func (t Target) Image(ctx context.Context) (string, error) {
	if t.kind == docker {
		return t.dockerImage(ctx)
	}
	pods, err := t.Pods(ctx)
	if err != nil {
		return "", err
	}
	var pod struct {
		Spec struct {
			Containers []struct{ Name, Image string }
		}
		Status struct {
			ContainerStatuses []struct{ Name, ImageID string }
		}
	}
	if err := t.get(ctx, &pod, pods[0].String()); err != nil {
		return "", err
	}
	for _, c := range pod.Spec.Containers {
		if t.options.Container != "" && t.options.Container != c.Name {
			continue
		}
		for _, status := range pod.Status.ContainerStatuses {
			// The runtime writes docker-pullable:// before it, or only an id.
			_, reference, found := strings.Cut("://"+status.ImageID, "://")
			if inner := strings.LastIndex(reference, "://"); inner >= 0 {
				reference = reference[inner+len("://"):]
			}
			if found && status.Name == c.Name && strings.Contains(reference, "@sha256:") {
				return reference, nil
			}
		}
		return c.Image, nil
	}
	return "", &problem.Problem{ID: "target/container", Title: t.String() + " has no container " + t.options.Container, Hints: []string{"Name one of its containers with --container."}}
}

func (t Target) dockerImage(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", "inspect", "--format", "{{.Image}}", t.name).Output()
	if missing, ok := errors.AsType[*exec.Error](err); ok {
		return "", &problem.Problem{ID: "target/no-program", Title: t.String() + " is reached through docker, which is not installed", Why: missing.Error(), Hints: []string{"Install docker, and have it in PATH."}, Err: err}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", &problem.Problem{ID: "target/unreachable", Title: t.String() + " cannot be reached", Why: strings.TrimSpace(string(exit.Stderr)), Hints: []string{"docker ps lists what runs."}, Err: err}
	}
	if err != nil {
		return "", fmt.Errorf("ask Docker for %s: %w", t, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// IsDocker reports whether it is a container of a Docker engine.
func (t Target) IsDocker() bool { return t.kind == docker }
