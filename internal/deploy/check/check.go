// Package check is "gantry check" and "gantry contract" on a laptop and in CI: it gathers a contract and deployments,
// and tells how they fit. What is compared, and how, is known in package contract and below it.
package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Exit codes of a check.
const (
	Fits      = 0
	DoesNot   = 1
	CannotSay = 2
)

// Options say what is compared and how it is told.
type Options struct {
	// Image is a reference, layout or tarball; App the folder of an application, when there is no image yet.
	Image, App string
	// Files are manifests, compose files and files of variables; "-" is standard input. Environ is compared when there
	// are none.
	Files   []string
	Environ []string
	// Container names the container to check, where a pod has several.
	Container    string
	JSON, GitHub bool
	// Strict counts unknown and unverifiable variables as errors.
	Strict bool
	Stdin  io.Reader
	Out    io.Writer
}

// subject is what has a contract.
type subject struct {
	contract contract.Contract
	// process is the image's default process type.
	process    string
	repository string
}

// Run compares, prints, and gives the exit code.
func Run(ctx context.Context, o Options) (int, error) {
	s, err := find(ctx, o.Image, o.App)
	if err != nil {
		return CannotSay, err
	}
	workloads, err := o.workloads()
	if err != nil {
		return CannotSay, err
	}
	chosen, err := choose(workloads, s, o.Container)
	if err != nil {
		return CannotSay, err
	}
	findings := []manifests.Finding{}
	for _, w := range chosen {
		if w.Process == "" {
			w.Process = s.process
		}
		findings = append(findings, manifests.Check(s.contract, w)...)
	}
	failed := slices.ContainsFunc(findings, func(f manifests.Finding) bool { return f.Error() || o.Strict && f.Kind != "renamed" })
	switch {
	case o.JSON:
		text, err := json.MarshalIndent(map[string]any{"ok": !failed, "checked": len(chosen), "findings": findings}, "", "  ")
		if err != nil {
			return CannotSay, err
		}
		_, _ = fmt.Fprintf(o.Out, "%s\n", text)
	case o.GitHub:
		for _, f := range findings {
			_, _ = fmt.Fprintln(o.Out, annotation(f))
		}
	default:
		_, _ = io.WriteString(o.Out, text(s, chosen, findings, failed))
	}
	if failed {
		return DoesNot, nil
	}
	return Fits, nil
}

// find gets the contract of an image's label, or of an application's files.
func find(ctx context.Context, reference, dir string) (subject, error) {
	if reference == "" {
		c, err := declare.Open(app.Open(dir))
		return subject{contract: c, process: "web"}, err
	}
	i, err := oci.Open(ctx, reference)
	if err != nil {
		return subject{}, &problem.Problem{
			ID: "check/no-image", Title: fmt.Sprintf("the image %s cannot be read", reference), Why: err.Error(),
			Hints: []string{"Give a reference that this machine may pull, the folder of an OCI layout, or a tarball of docker save."}, Err: err,
		}
	}
	config, err := i.ConfigFile()
	if err != nil {
		return subject{}, fmt.Errorf("read the image: %w", err)
	}
	s := subject{process: defaultProcess(config)}
	if _, err := os.Stat(reference); err != nil {
		s.repository = repository(reference)
	}
	if label := config.Config.Labels[contract.Label]; label != "" {
		s.contract, err = contract.Parse([]byte(label))
	}
	return s, err
}

func defaultProcess(config *v1.ConfigFile) string {
	if len(config.Config.Entrypoint) == 1 && path.Dir(config.Config.Entrypoint[0]) == "/cnb/process" {
		return path.Base(config.Config.Entrypoint[0])
	}
	return "web"
}

// repository is a reference without tag and digest.
func repository(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		reference = reference[:i]
	}
	return reference
}

// workloads reads the files. Kubernetes manifests are read together, since they refer to each other.
func (o Options) workloads() ([]manifests.Workload, error) {
	if len(o.Files) == 0 {
		return []manifests.Workload{manifests.Environ("this environment", o.Environ)}, nil
	}
	var list []manifests.Workload
	kubernetes, order := map[string][]byte{}, []string{}
	for _, name := range o.Files {
		content, err := o.read(name)
		if err != nil {
			return nil, err
		}
		switch {
		case isEnvFile(name):
			list = append(list, manifests.EnvFile(name, content))
		case manifests.IsCompose(content):
			found, err := manifests.Compose(name, content, func(file string) ([]byte, error) {
				return os.ReadFile(filepath.Join(filepath.Dir(name), file))
			})
			if err != nil {
				return nil, err
			}
			list = append(list, found...)
		default:
			kubernetes[name] = content
			order = append(order, name)
		}
	}
	found, err := manifests.Kubernetes(kubernetes, order)
	if err != nil {
		return nil, err
	}
	if list = append(list, found...); len(list) == 0 {
		return nil, &problem.Problem{
			ID: "check/nothing-found", Title: "nothing in these files runs a container", Where: problem.Position{File: o.Files[0]},
			Why:   "there is no Pod, Deployment, StatefulSet, DaemonSet, Job or CronJob, and no service of compose",
			Hints: []string{"Give the manifests that are deployed, with their ConfigMaps: kustomize build . | gantry check --image IMAGE -"},
		}
	}
	return list, nil
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

// choose finds the containers that run the image: by name, by their image's repository, or the only one that there is.
func choose(list []manifests.Workload, s subject, container string) ([]manifests.Workload, error) {
	matching := func(fits func(manifests.Workload) bool) (found []manifests.Workload) {
		for _, w := range list {
			if fits(w) {
				found = append(found, w)
			}
		}
		return found
	}
	if container != "" {
		found := matching(func(w manifests.Workload) bool {
			return strings.HasSuffix(w.Name, ", container "+container) || w.Name == "service "+container
		})
		if len(found) == 0 {
			return nil, &problem.Problem{ID: "check/no-container", Title: "no container is called " + container, Hints: []string{"These are there: " + names(list) + "."}}
		}
		return found, nil
	}
	if s.repository != "" {
		if found := matching(func(w manifests.Workload) bool { return w.Image == "" || repository(w.Image) == s.repository }); len(found) > 0 {
			return found, nil
		}
	}
	repositories := map[string]bool{}
	for _, w := range list {
		repositories[repository(w.Image)] = true
	}
	if len(repositories) > 1 {
		return nil, &problem.Problem{
			ID: "check/which-container", Title: "it is not clear which containers run the image", Why: "several images are named: " + names(list),
			Hints: []string{"Name the container: --container NAME."},
		}
	}
	return list, nil
}

func names(list []manifests.Workload) string {
	var texts []string
	for _, w := range list {
		texts = append(texts, w.Name)
	}
	return strings.Join(texts, "; ")
}
