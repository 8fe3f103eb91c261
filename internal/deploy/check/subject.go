package check

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// subject is what has a contract.
type subject struct {
	contract contract.Contract
	// process is the process type that the image's entrypoint starts; empty where that is the launcher.
	process string
	// processes are the image's process types; none where they are not known.
	processes  []string
	repository string
}

// find gets the contract of an image's label, or of an application's files.
func find(ctx context.Context, reference, dir string, environ []string) (subject, error) {
	if reference == "" {
		return ofFolder(dir, environ)
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
	s := subject{process: defaultProcess(config), processes: processTypes(config)}
	if _, err := os.Stat(reference); err != nil {
		s.repository = repository(reference)
	}
	if label := config.Config.Labels[contract.Label]; label != "" {
		s.contract, err = contract.Parse([]byte(label))
	}
	return s, err
}

// ofFolder gives what the image of an application would have.
func ofFolder(dir string, environ []string) (subject, error) {
	c, processes, err := resolve.Contract(app.Open(dir), lookup(environ))
	return subject{contract: c, process: "web", processes: processes}, err
}

// lookup finds a variable of the build in an environment.
func lookup(environ []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, variable := range environ {
			if value, found := strings.CutPrefix(variable, name+"="); found {
				return value, true
			}
		}
		return "", false
	}
}

func defaultProcess(config *v1.ConfigFile) string {
	entrypoint := config.Config.Entrypoint
	switch {
	case len(entrypoint) == 1 && path.Dir(entrypoint[0]) == "/cnb/process":
		return path.Base(entrypoint[0])
	case len(entrypoint) == 1 && path.Base(entrypoint[0]) == "launcher":
		return ""
	}
	return "web"
}

// processTypes are those that the exporter notes: https://github.com/buildpacks/spec/blob/main/platform.md#iobuildpacksbuildmetadata-json.
func processTypes(config *v1.ConfigFile) []string {
	var metadata struct{ Processes []struct{ Type string } }
	if json.Unmarshal([]byte(config.Config.Labels["io.buildpacks.build.metadata"]), &metadata) != nil {
		return nil
	}
	var types []string
	for _, p := range metadata.Processes {
		types = append(types, p.Type)
	}
	return types
}

// repository is a reference without tag and digest.
func repository(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		reference = reference[:i]
	}
	return reference
}
