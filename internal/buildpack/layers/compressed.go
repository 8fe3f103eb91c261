package layers

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
)

// Layer: "compressed-files" holds the compressed files of what the web server for static files serves, named by the digests of the files themselves.
// Rebuilt when: file by file.

// CompressedFiles is that layer; coders are the ways of compressing, in their order.
func CompressedFiles(coders ...string) Spec {
	return Spec{
		Name: "compressed-files", Types: cacheOnly, Holds: "the compressed files of what is served, by the files' digests",
		Inputs: layer.Inputs{"the ways of compressing": strings.Join(coders, " ")}, Also: []string{"file by file"}, Sometimes: "when the files to serve have text",
	}
}
