package layer_test

import (
	"fmt"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
)

// The inputs of a layer are kept in its metadata; those of the next build tell why it must be made again.
func ExampleInputs_Cause() {
	last := layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("{}"))}.Metadata()
	fmt.Println(layer.Inputs{"version": "26.12.1", "package.json": layer.Digest([]byte("{}"))}.Cause(last))
	fmt.Println(layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("[]"))}.Cause(last))
	fmt.Printf("%q\n", layer.Inputs{"version": "24.18.0", "package.json": layer.Digest([]byte("{}"))}.Cause(last))
	// Output:
	// version changed from 24.18.0 to 26.12.1
	// package.json changed
	// ""
}
