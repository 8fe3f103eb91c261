package resolve_test

import (
	"fmt"
	"testing/fstest"
	"time"

	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// A plan is data: what was decided, what is installed and run, and how the image starts.
func ExamplePlan() {
	source := app.App{FS: fstest.MapFS{
		"package.json":      {Data: []byte(`{"engines": {"node": "24.18.0"}, "scripts": {"start": "node server.js"}, "dependencies": {"express": "5"}}`)},
		"package-lock.json": {Data: []byte(`{"lockfileVersion": 3, "packages": {}}`)},
		"server.js":         {},
	}}
	nothing := func(string) (string, bool) { return "", false }
	resolved, err := resolve.Plan(source, resolve.Given{Lookup: nothing}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range resolved.Decisions {
		fmt.Println(d.Subject, "|", d.Value, "|", d.Origin)
	}
	fmt.Println(resolved.Toolchains[0].Language, resolved.Installs[0].Layer, resolved.Image.Processes[0])
	// Output:
	// Node.js | 24.18.0 | from engines.node in package.json:1:22 (24.18.0)
	// packages | npm ci | package-lock.json is there
	// web | node server.js | from scripts.start in package.json:1:55
	// node modules node server.js
}
