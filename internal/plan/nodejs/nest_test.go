package nodejs_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// What "nest new" writes starts a compiler with "npm start": an image starts what was compiled.
func TestNest(t *testing.T) {
	for name, c := range map[string]struct{ scripts, files, started, origin string }{
		"nest new":     {scripts: `"build": "nest build", "start": "nest start", "start:prod": "node dist/main"`, files: "", started: "node dist/main", origin: "NestJS, since nest start only serves for development"},
		"with options": {scripts: `"build": "nest build", "start": "nest start --watch", "start:prod": "npm run build && node dist/src/main"`, files: "", started: "node dist/src/main", origin: "NestJS, since nest start --watch only serves for development"},
		"by nest-cli.json": {scripts: `"build": "nest build", "start": "nest start"`, files: "-- nest-cli.json --\n{\"entryFile\": \"server\"}\n-- tsconfig.json --\n{\"compilerOptions\": {\"outDir\": \"./build\"}}\n",
			started: "node build/server", origin: "NestJS, since nest start only serves for development"},
		"one of several":     {scripts: `"build": "nest build"`, files: "-- nest-cli.json --\n{\"monorepo\": true, \"root\": \"apps/shop\"}\n", started: "node dist/apps/shop/main", origin: "NestJS, nest-cli.json"},
		"its own":            {scripts: `"build": "nest build", "start": "node dist/other.js", "start:prod": "node dist/main"`, files: "", started: "node dist/other.js", origin: "from scripts.start in package.json:1:46"},
		"without a build":    {scripts: `"start": "nest start"`, files: "", started: "nest start", origin: "from scripts.start in package.json:1:23"},
		"a damaged nest-cli": {scripts: `"build": "nest build", "start": "nest start"`, files: "-- nest-cli.json --\n{\n", started: "nest start", origin: "from scripts.start in package.json:1:46"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, err := read(txtar.Parse([]byte("-- package.json --\n{\"scripts\": {"+c.scripts+"}, \"dependencies\": {\"@nestjs/core\": \"11\"}, \"devDependencies\": {\"@nestjs/cli\": \"11\"}}\n"+c.files)), t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			web := p.Decisions[len(p.Decisions)-1]
			g.Expect(web.Value).To(Equal(c.started))
			g.Expect(web.Origin).To(Equal(c.origin))
		})
	}
}
