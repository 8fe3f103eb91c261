package nodejs_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// What npx would fetch at every start is served by Gantry where that is the same, and warned of where it is not.
func TestFetchedAtStart(t *testing.T) {
	const warning = "Process web runs %s, which is not among the packages: %s fetches it at every start, which takes the network and a file system that can be written. " +
		"Add it to dependencies in package.json."
	for name, c := range map[string]struct {
		start, dependencies, started string
		warned                       []string
	}{
		"files that a framework makes": {start: "npx serve -s build", dependencies: `"react-scripts": "5"`, started: "static files in build", warned: nil},
		"with a version":               {start: "npx --yes serve@14 -s ./build -l 3000", dependencies: `"react-scripts": "5"`, started: "static files in build", warned: nil},
		"files of another folder":      {start: "npx serve out", dependencies: `"react-scripts": "5"`, started: "npx serve out", warned: []string{fmt.Sprintf(warning, "serve", "npx")}},
		"among the packages":           {start: "npx serve -s build", dependencies: `"react-scripts": "5", "serve": "14"`, started: "serve -s build", warned: nil},
		"another program":              {start: "pnpm dlx wrangler@4 dev", dependencies: `"hono": "4"`, started: "pnpm dlx wrangler@4 dev", warned: []string{fmt.Sprintf(warning, "wrangler", "pnpm")}},
		"by another package":           {start: "npx is-odd", dependencies: `"is-even": "1"`, started: "npx is-odd", warned: nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			archive := txtar.Parse([]byte(fmt.Sprintf(`-- package.json --
{"scripts": {"build": "true", "start": %q}, "dependencies": {%s}}
-- package-lock.json --
{"lockfileVersion": 3, "packages": {"": {"dependencies": {%s}}, "node_modules/is-even": {"version": "1.0.0", "dependencies": {"is-odd": "1"}}, "node_modules/is-odd": {"version": "1.0.0"}}}
`, c.start, c.dependencies, c.dependencies)))
			p, err := read(archive, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Decisions[len(p.Decisions)-1].Value).To(Equal(c.started))
			g.Expect(p.Warnings).To(Equal(c.warned))
		})
	}
}
