package launch

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// Image is what the build tells the program in the image: the file launch.json in its layer.
type Image struct {
	Contract contract.Contract `json:"contract,omitzero"`
	// Runtime is the language's name, e.g. "node", and Version its exact version.
	Runtime string `json:"runtime,omitempty"`
	Version string `json:"version,omitempty"`
	// OtherRuntimes are the versions of other runtimes that are there, by their names, which are those of their programs.
	OtherRuntimes map[string]string `json:"other-runtimes,omitempty"`
	// Buildpack is Gantry's own version.
	Buildpack string `json:"buildpack,omitempty"`
	// Processes are the application's process types.
	Processes []string `json:"processes,omitempty"`
	// DrainTimeout is how long running requests may take after SIGTERM; empty: the application is not drained.
	DrainTimeout string `json:"drain-timeout,omitempty"`
	// DrainWebSocketTimeout is how long WebSocket connections may stay; empty: as long as requests.
	DrainWebSocketTimeout string `json:"drain-websocket-timeout,omitempty"`
	// Listens are places in the source that keep a platform from reaching the application.
	Listens []Listen `json:"listens,omitempty"`
	// Revision is the commit that was built; empty when it is not known.
	Revision string `json:"-"`
	// Layers is the folder of the buildpack's layers, from which this was read.
	Layers string `json:"-"`
}

// RevisionFlag, with a commit behind it, is the first word that the process type "gantry" gives the program.
const RevisionFlag = "--revision="

// ImageFile is the file's name in the layer.
const ImageFile = "launch.json"

// layerOf gives the layer that a program is in, by its file: bin/gantry.
func layerOf(program string) string { return filepath.Dir(filepath.Dir(program)) }

// ReadImage reads what the build said. An image of which it said nothing is no error.
func ReadImage(program string) (Image, error) {
	var image Image
	image.Layers = filepath.Dir(layerOf(program))
	text, err := os.ReadFile(filepath.Join(layerOf(program), ImageFile))
	if os.IsNotExist(err) {
		return image, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &image)
	}
	if err != nil {
		return image, fmt.Errorf("read %s: %w", ImageFile, err)
	}
	return image, nil
}

// Check checks the contract of some process types, of all where none is named, against an environment, NAME=VALUE each.
func (i Image) Check(types, environ []string) contract.Result {
	env := environment(environ)
	if len(types) == 0 {
		types = i.Processes
	}
	if len(types) == 0 {
		return i.Contract.Check("", env)
	}
	all := contract.Result{Set: map[string]string{}}
	for _, process := range types {
		r := i.Contract.Check(process, env)
		maps.Copy(all.Set, r.Set)
		for _, f := range r.Findings {
			if !slices.Contains(all.Findings, f) {
				all.Findings = append(all.Findings, f)
			}
		}
	}
	return all
}
