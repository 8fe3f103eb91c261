package nodejs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// What a start needs of the development dependencies stays in the image, and so do the package managers that run its scripts.
func TestNeededAtStart(t *testing.T) {
	const npmLock = `-- package-lock.json --
{"lockfileVersion": 3, "packages": {"": {}, "node_modules/odd-name": {"dev": true, "version": "1.0.0", "bin": {"odd": "x.js"}}}}
`
	for name, c := range map[string]struct {
		// start is the script, dev the development dependencies, files more of the application; variables are those of the build.
		start, dev, files, variables string
		kept                         []string
		managers                     []string
	}{
		"nothing":                           {start: "node a.js", dev: "tsx jest"},
		"a program of another name":         {start: "sequelize db:migrate && node a.js", dev: "sequelize-cli jest", kept: []string{"sequelize-cli"}},
		"a program that the lockfile names": {start: "odd a.js", dev: "odd-name jest", files: npmLock, kept: []string{"odd-name"}},
		"a program of two packages":         {start: "run-s migrate serve", dev: "npm-run-all2", kept: []string{"npm-run-all2"}, managers: []string{"npm"}},
		"NODE_OPTIONS":                      {start: "NODE_OPTIONS=--import=tsx node a.ts", dev: "tsx", kept: []string{"tsx"}},
		"NODE_OPTIONS in a shell's text":    {start: "NODE_OPTIONS='--import tsx' node a.ts $A", dev: "tsx", kept: []string{"tsx"}},
		"a loader":                          {start: "node --experimental-loader=ts-node/esm a.ts", dev: "ts-node", kept: []string{"ts-node"}},
		"scripts by npm:":                   {start: "concurrently npm:serve:*", dev: "concurrently tsx", kept: []string{"concurrently", "tsx"}, managers: []string{"npm"}},
		"scripts in quotes":                 {start: `concurrently "npm run serve:a" "node b.js"`, dev: "concurrently tsx", kept: []string{"concurrently", "tsx"}, managers: []string{"npm"}},
		"commands without a manager":        {start: `concurrently "node a.js" "node b.js"`, dev: "concurrently jest", kept: []string{"concurrently"}},
		"run-p":                             {start: "run-p serve:*", dev: "npm-run-all tsx", kept: []string{"npm-run-all", "tsx"}, managers: []string{"npm"}},
		"what tsconfig.json extends": {start: "tsx a.ts", dev: "tsx @tsconfig/node20 jest", kept: []string{"@tsconfig/node20", "tsx"},
			files: "-- tsconfig.json --\n{ // base\n \"extends\": \"./base\" }\n-- base.json --\n{\"extends\": [\"@tsconfig/node20/tsconfig.json\"]}\n"},
		"what ts-node checks":         {start: "ts-node a.ts", dev: "ts-node typescript @types/node jest", kept: []string{"@types/node", "ts-node", "typescript"}},
		"what ts-node loads":          {start: "ts-node a.ts", dev: "ts-node tsconfig-paths", files: "-- tsconfig.json --\n{\"ts-node\": {\"require\": [\"tsconfig-paths/register\"]}}\n", kept: []string{"ts-node", "tsconfig-paths"}},
		"presets of Babel":            {start: "babel-node a.js", dev: "@babel/node @babel/core @babel/preset-env jest", files: "-- .babelrc --\n{\"presets\": [[\"@babel/env\", {}]]}\n", kept: []string{"@babel/core", "@babel/node", "@babel/preset-env"}},
		"what nodemon runs":           {start: "nodemon", dev: "nodemon ts-node jest", files: "-- nodemon.json --\n{\"exec\": \"ts-node a.ts\"}\n", kept: []string{"nodemon", "ts-node"}},
		"an import":                   {start: "node a.js", dev: "ms jest", files: "-- a.js --\nconst ms = require('ms')\n", kept: []string{"ms"}},
		"an import of another file":   {start: "node a.js", dev: "ms jest", files: "-- a.js --\nrequire('./lib')\n-- lib/index.js --\nimport ms from 'ms'\n", kept: []string{"ms"}},
		"an import within a function": {start: "node a.js", dev: "ms", files: "-- a.js --\nserve(() => { const ms = require('ms') })\n", kept: []string{"ms"}},
		"an import that awaits":       {start: "node a.mjs", dev: "ms", files: "-- a.mjs --\nconst x = (await import('ms')).default\n", kept: []string{"ms"}},
		"by createRequire":            {start: "node a.mjs", dev: "ms", files: "-- a.mjs --\nconst r = createRequire(import.meta.url)\nr('ms')\n", kept: []string{"ms"}},
		"a worker":                    {start: "node a.js", dev: "ms", files: "-- a.js --\nnew Worker('./w.js')\n-- w.js --\nrequire('ms')\n", kept: []string{"ms"}},
		"a child process":             {start: "node a.js", dev: "ms", files: "-- a.js --\nfork(path.join(__dirname, 'w.js'))\n-- w.js --\nrequire('ms')\n", kept: []string{"ms"}},
		"a file that is loaded first": {start: "node -r ./reg.cjs a.js", dev: "ms", files: "-- a.js --\n-- reg.cjs --\nrequire('ms')\n", kept: []string{"ms"}},
		"a file in NODE_OPTIONS":      {start: "NODE_OPTIONS='--import=./reg.mjs' node a.js", dev: "ms", files: "-- a.js --\n-- reg.mjs --\nimport 'ms'\n", kept: []string{"ms"}},
		"a program that is started":   {start: "node a.js", dev: "tsx", files: "-- a.js --\nexecSync('npx tsx w.ts')\n", kept: []string{"tsx"}, managers: []string{"npm"}},
		"for development":             {start: "node a.js", dev: "ms", files: "-- a.js --\nif (process.env.NODE_ENV !== 'production') {\n  app.use(require('ms'))\n}\n"},
		"one that may be missing":     {start: "node a.js", dev: "ms", files: "-- a.js --\nlet ms\ntry { ms = require('ms') } catch {}\n"},
		"a test that nobody imports":  {start: "node a.js", dev: "jest", files: "-- a.js --\n-- a.test.js --\nimport 'jest'\n"},
		"another tsconfig.json":       {start: "tsx --tsconfig run.json a.ts", dev: "tsx @tsconfig/node20", files: "-- run.json --\n{\"extends\": \"@tsconfig/node20/tsconfig.json\"}\n", kept: []string{"@tsconfig/node20", "tsx"}},
		"node-options of .npmrc":      {start: "node a.js", dev: "dotenv", files: "-- .npmrc --\nnode-options=--require dotenv/config\n", kept: []string{"dotenv"}},
		"another shell":               {start: `bash -c "npm run serve:a"`, dev: "tsx", kept: []string{"tsx"}},
		"behind two dashes":           {start: "dotenv -e .env -- npm run serve:a", dev: "tsx dotenv-cli", kept: []string{"dotenv-cli", "tsx"}},
		"all, by the setting":         {start: "node a.js", dev: "tsx jest", variables: "BP_NODE_KEEP_DEV=true", kept: []string{"jest", "tsx"}},
		"one, by the setting":         {start: "node a.js", dev: "tsx jest", variables: "BP_NODE_KEEP_DEV=jest", kept: []string{"jest"}},
		"one, by project.toml":        {start: "node a.js", dev: "tsx jest", files: "-- project.toml --\n[dev.gantry.node]\nkeep-dev = [\"jest\"]\n", kept: []string{"jest"}},
		"npm's variable":              {start: "node a.js", dev: "tsx", variables: "NPM_CONFIG_INCLUDE=dev", kept: []string{"tsx"}},
		"the variable of older npm":   {start: "node a.js", dev: "tsx", variables: "NPM_CONFIG_PRODUCTION=false", kept: []string{"tsx"}},
		"Yarn's variable":             {start: "node a.js", dev: "tsx", variables: "YARN_PRODUCTION=false", kept: []string{"tsx"}},
		"NODE_ENV of the build":       {start: "node a.js", dev: "tsx", variables: "NODE_ENV=development", kept: []string{"tsx"}},
		".npmrc":                      {start: "node a.js", dev: "tsx", files: "-- .npmrc --\ninclude[] = dev\n", kept: []string{"tsx"}},
		"the setting against .npmrc":  {start: "node a.js", dev: "tsx", variables: "BP_NODE_KEEP_DEV=false", files: "-- .npmrc --\ninclude=dev\n"},
		"a production build":          {start: "node a.js", dev: "tsx", variables: "NODE_ENV=production"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var dev []string
			for pkg := range strings.FieldsSeq(c.dev) {
				dev = append(dev, fmt.Sprintf("%q: \"1\"", pkg))
			}
			manifest := fmt.Sprintf(`{"scripts": {"start": %q, "serve:a": "tsx a.ts", "migrate": "node m.js", "serve": "node a.js"}, "dependencies": {"express": "5"}, "devDependencies": {%s}}`,
				c.start, strings.Join(dev, ", "))
			archive := txtar.Parse([]byte(c.variables + "\n-- package.json --\n" + manifest + "\n" + c.files))
			p, err := read(archive, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			var kept []string
			if production := p.Installs[0].Launch.Production; production != nil {
				kept = production.Also
			}
			g.Expect(kept).To(Equal(c.kept), p.Image.Processes[0].String())
			g.Expect(slices.Contains(p.Toolchains[0].Runtime.Files.Launch, "bin/npm")).To(Equal(slices.Contains(c.managers, "npm")))
		})
	}
}

// With ignore-scripts, neither an installation nor a start runs the scripts around it.
func TestIgnoredScripts(t *testing.T) {
	hooks := func(p plan.Plan) (titles []string) {
		for _, step := range p.Installs[0].Commands.Hooks {
			titles = append(titles, step.Title)
		}
		return titles
	}
	for name, c := range map[string]struct {
		files string
		want  []string
	}{
		"npm":      {want: []string{"npm run postinstall"}},
		".npmrc":   {files: "-- .npmrc --\nignore-scripts=true\n"},
		"variable": {files: ""},
	} {
		t.Run(name, func(t *testing.T) {
			comment := ""
			if name == "variable" {
				comment = "npm_config_ignore_scripts=true\n"
			}
			p, err := read(txtar.Parse([]byte(comment+"-- package.json --\n"+`{"scripts": {"postinstall": "node p.js", "start": "node a.js"}, "dependencies": {"express": "5"}}`+"\n"+c.files)), t.TempDir())
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			NewWithT(t).Expect(hooks(p)).To(Equal(c.want))
		})
	}
}
