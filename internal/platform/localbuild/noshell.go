package localbuild

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// withoutShell are programs that need neither a shell nor /usr/bin/env: those that can be started in the image without a shell.
var withoutShell = []string{"node", "bun", "static", "gantry"}

// checkShell refuses the run image without a shell for an application whose process needs one. Of the others a line tells.
func (b *build) checkShell(image v1.Image) error {
	if own, is := ownRunImage(b.options.RunImage, b.options.arch()); !is || own.Kind != base.Tiny {
		return nil
	}
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	var metadata struct {
		Processes []struct {
			Type          string
			Command, Args []string
			Direct        bool
		}
	}
	if err := json.Unmarshal([]byte(config.Config.Labels["io.buildpacks.build.metadata"]), &metadata); err != nil {
		return fmt.Errorf("read the image's processes: %w", err)
	}
	for _, p := range metadata.Processes {
		words := slices.Concat(p.Command, p.Args)
		if n := slices.Index(words, "--"); n >= 0 && n+1 < len(words) {
			words = words[n+1:]
		}
		if len(words) == 0 || p.Direct && slices.Contains(withoutShell, path.Base(words[0])) {
			continue
		}
		why := fmt.Sprintf("process %s runs %s, and the run image tiny has no shell", p.Type, words[0])
		if p.Type != defaultProcess(config) {
			b.report.Line("Image", why+": it will not start")
			continue
		}
		return &problem.Problem{
			ID: "localbuild/needs-shell", Title: "the application does not start on the run image tiny", Why: why,
			Hints: []string{"Build for the usual one: leave out --run-image, or say --run-image base."},
		}
	}
	return nil
}

// defaultProcess is the process type that the image starts.
func defaultProcess(config *v1.ConfigFile) string {
	if len(config.Config.Entrypoint) == 0 {
		return ""
	}
	return path.Base(config.Config.Entrypoint[0])
}
