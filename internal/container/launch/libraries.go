package launch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
)

// missingLibraries says which shared libraries of the run image the application's programs need and do not find, one a
// line; empty when all are there.
func missingLibraries(layers, root string, values map[string]string) (string, error) {
	list, err := sharedlib.Read(layers)
	if err != nil || len(list) == 0 {
		return "", err
	}
	all, width := list.Missing(root, values["LD_LIBRARY_PATH"]), 0
	for _, lack := range all {
		width = max(width, len(lack.What()))
	}
	var out strings.Builder
	for _, lack := range all {
		fmt.Fprintf(&out, "  %-*s  is needed by %s; %s\n", width, lack.What(), strings.Join(lack.Users, ", "), lack.Source())
	}
	return out.String(), nil
}

// libraries refuses to start an application that lacks a library: it would fail at the first line that needs it.
func (c Check) libraries(values map[string]string) (text string, err error) {
	mode := values["BPL_LIBRARY_CHECK"]
	if mode == "off" {
		return "", nil
	}
	missing, err := missingLibraries(filepath.Dir(c.Layer), c.Machine.Root, values)
	if missing == "" || err != nil {
		return "", err
	}
	if mode == "warn" {
		_, _ = fmt.Fprintf(c.Log, "gantry: libraries are missing in the run image; process %s starts anyway (BPL_LIBRARY_CHECK=warn)\n\n%s\n", c.Process, missing)
		return "", nil
	}
	return fmt.Sprintf("gantry: libraries are missing in the run image; process %s does not start\n\n%s\n"+
		"  Add their packages to packages in project.toml, or use a run image that has them; BPL_LIBRARY_CHECK=warn starts anyway.\n", c.Process, missing), nil
}
