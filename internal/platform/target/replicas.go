package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Pods gives the running pods of an object in a cluster, each as a target.
func (t Target) Pods(ctx context.Context) ([]Target, error) {
	if t.kind == docker || t.kind == local {
		return nil, &problem.Problem{ID: "target/option", Title: "--all-pods is for clusters, and " + t.kind + ":// is none", Hints: []string{"Leave it out."}}
	}
	var object struct {
		Kind string
		Spec struct {
			// Selector is a map of labels (Service), or holds one.
			Selector map[string]json.RawMessage
		}
	}
	if err := t.get(ctx, &object, t.String()); err != nil {
		return nil, err
	}
	if object.Kind == "Pod" {
		return []Target{t}, nil
	}
	selector, err := labels(object.Spec.Selector)
	if err != nil {
		return nil, &problem.Problem{ID: "target/selector", Title: "the pods of " + t.String() + " are not known", Why: err.Error(), Hints: []string{"Name one of them: pod/NAME."}}
	}
	var pods struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct{ Phase string }
		}
	}
	if err := t.get(ctx, &pods, "pods", "--selector", selector); err != nil {
		return nil, err
	}
	var list []Target
	for _, pod := range pods.Items {
		if pod.Status.Phase == "Running" {
			list = append(list, Target{kind: "pod", name: pod.Metadata.Name, options: t.options})
		}
	}
	if len(list) == 0 {
		return nil, &problem.Problem{ID: "target/no-pods", Title: "no pod of " + t.String() + " is running", Hints: []string{t.hint()}}
	}
	return list, nil
}

// labels writes a selector as kubectl takes it.
func labels(selector map[string]json.RawMessage) (string, error) {
	if text, nested := selector["matchLabels"]; nested {
		if len(selector) > 1 {
			return "", errors.New("its selector has expressions")
		}
		selector = nil
		if err := json.Unmarshal(text, &selector); err != nil {
			return "", err
		}
	}
	if len(selector) == 0 {
		return "", errors.New("it has no selector of labels")
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(selector)) {
		var value string
		if err := json.Unmarshal(selector[name], &value); err != nil {
			return "", err
		}
		list = append(list, name+"="+value)
	}
	return strings.Join(list, ","), nil
}

// get asks the cluster for an object.
func (t Target) get(ctx context.Context, into any, words ...string) error {
	arguments := append(t.options.flags(), append([]string{"get", "--output", "json"}, words...)...)
	cmd := exec.CommandContext(ctx, "kubectl", arguments...)
	out, err := cmd.Output()
	if missing, ok := errors.AsType[*exec.Error](err); ok {
		return &problem.Problem{
			ID: "target/no-program", Title: t.String() + " is reached through kubectl, which is not installed", Why: missing.Error(),
			Hints: []string{"Install kubectl, and have it in PATH."}, Err: err,
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &problem.Problem{ID: "target/unreachable", Title: t.String() + " cannot be reached", Why: strings.TrimSpace(string(exit.Stderr)), Hints: []string{t.hint()}, Err: err}
	}
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		return fmt.Errorf("ask the cluster for %s: %w", t, err)
	}
	return nil
}
