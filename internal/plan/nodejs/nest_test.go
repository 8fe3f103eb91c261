package nodejs_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// What "nest new" writes starts a compiler with "npm start": an image starts what was compiled.
func TestNest(t *testing.T) {
	for name, c := range map[string]struct{ scripts, files, started, origin string }{
		"nest new":     {`"build": "nest build", "start": "nest start", "start:prod": "node dist/main"`, "", "node dist/main", "NestJS, since nest start only serves for development"},
		"with options": {`"build": "nest build", "start": "nest start --watch", "start:prod": "npm run build && node dist/src/main"`, "", "node dist/src/main", "NestJS, since nest start --watch only serves for development"},
		"by nest-cli.json": {`"build": "nest build", "start": "nest start"`, "-- nest-cli.json --\n{\"entryFile\": \"server\"}\n-- tsconfig.json --\n{\"compilerOptions\": {\"outDir\": \"./build\"}}\n",
			"node build/server", "NestJS, since nest start only serves for development"},
		"one of several":     {`"build": "nest build"`, "-- nest-cli.json --\n{\"monorepo\": true, \"root\": \"apps/shop\"}\n", "node dist/apps/shop/main", "NestJS, nest-cli.json"},
		"its own":            {`"build": "nest build", "start": "node dist/other.js", "start:prod": "node dist/main"`, "", "node dist/other.js", "from scripts.start in package.json:1:46"},
		"without a build":    {`"start": "nest start"`, "", "nest start", "from scripts.start in package.json:1:23"},
		"a damaged nest-cli": {`"build": "nest build", "start": "nest start"`, "-- nest-cli.json --\n{\n", "nest start", "from scripts.start in package.json:1:46"},
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
