package imports_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/install/imports"
)

func TestMissing(t *testing.T) {
	for name, c := range map[string]struct {
		files string
		entry string
		want  []imports.Import
	}{
		"nothing":                 {files: "-- a.js --\nconst fs = require('fs')\nconst p = require('fs/promises')\nimport('later')\n", entry: "a.js"},
		"a package that is there": {files: "-- a.js --\nconst e = require('e')\n-- node_modules/e/package.json --\n{}\n", entry: "a.js"},
		"in a folder above":       {files: "-- sub/a.js --\nrequire('@s/e/sub')\n-- node_modules/@s/e/package.json --\n{}\n", entry: "sub/a.js"},
		"require":                 {files: "-- a.js --\n'use strict'\nconst {x} = require(\"gone\")\n", entry: "a.js", want: []imports.Import{{"a.js", 2, "gone", "gone"}}},
		"as compilers write":      {files: "-- a.js --\nconst x = __importDefault(require('@s/gone/deep'))\n", entry: "a.js", want: []imports.Import{{"a.js", 1, "@s/gone/deep", "@s/gone"}}},
		"import":                  {files: "-- a.mjs --\nimport x, { y } from 'gone'\nexport * from 'other'\n", entry: "a.mjs", want: []imports.Import{{"a.mjs", 1, "gone", "gone"}, {"a.mjs", 2, "other", "other"}}},
		"over several lines":      {files: "-- a.mjs --\nimport {\n  x,\n} from 'gone'\n", entry: "a.mjs", want: []imports.Import{{"a.mjs", 3, "gone", "gone"}}},
		"through files":           {files: "-- a.js --\nrequire('./lib')\n-- lib/index.js --\nconst b = require('../b.cjs')\n-- b.cjs --\nvar x = require('gone')\n", entry: "a.js", want: []imports.Import{{"b.cjs", 1, "gone", "gone"}}},
		"a file":                  {files: "-- a.js --\nconst x = require('./nope')\n", entry: "a.js", want: []imports.Import{{"a.js", 1, "./nope", ""}}},
		"a circle":                {files: "-- a.js --\nrequire('./b')\n-- b.js --\nrequire('./a')\n", entry: "a.js"},
		"not certain":             {files: "-- a.js --\ntry { require('gone') } catch {}\nif (x) {\n  require('gone')\n}\nfunction f() {\n  const y = require('gone')\n}\n", entry: "a.js"},
		"exported":                {files: "-- a.js --\nmodule.exports = require('gone')\n", entry: "a.js", want: []imports.Import{{"a.js", 1, "gone", "gone"}}},
		"guarded, in one line":    {files: "-- a.js --\nlet a; try { a = require('gone') } catch (e) { a = 'none' }\nvar b; if (x) { b = require('gone2') }\nvar c; x && (c = require('gone3'))\nconst d = x ? require('gone4') : null\nconst e = () => require('gone5')\nconst f = x || require('gone6')\n", entry: "a.js"},
		"taken apart":             {files: "-- a.js --\nconst { a, b: c } = require('gone')\nconst [d] = require('gone2')\n", entry: "a.js", want: []imports.Import{{"a.js", 1, "gone", "gone"}, {"a.js", 2, "gone2", "gone2"}}},
		"a package with a dot":    {files: "-- a.js --\nrequire('.prisma/client')\nrequire('.gone/x')\n-- node_modules/.prisma/client/index.js --\n", entry: "a.js", want: []imports.Import{{"a.js", 2, ".gone/x", ".gone"}}},
		"not indented":            {files: "-- a.js --\ntry {\nconst x = require('gone')\n} catch {}\n", entry: "a.js"},
		"a comment":               {files: "-- a.js --\n/*\nconst x = require('gone')\n*/\nconst y = `\nimport z from 'gone'\n`\n", entry: "a.js"},
		"types":                   {files: "-- a.js --\n/** @type {import('gone')} */\n", entry: "a.js"},
		"itself":                  {files: "-- a.mjs --\nimport 'me/sub'\nimport '#inner'\n-- package.json --\n{\"name\": \"me\"}\n", entry: "a.mjs"},
		"an alias":                {files: "-- a.js --\nrequire('module-alias/register')\nconst x = require('@lib/x')\n", entry: "a.js"},
		"hooks":                   {files: "-- a.js --\nModule._resolveFilename = f\nconst x = require('gone')\n", entry: "a.js"},
		"no JavaScript":           {files: "-- a.js --\nconst x = require('gone')\nthis is none\n", entry: "a.js"},
		"data":                    {files: "-- a.js --\nconst x = require('./x.json')\nconst y = require('./native')\n-- x.json --\n{}\n-- native.node --\n", entry: "a.js"},
	} {
		t.Run(name, func(t *testing.T) {
			g, dir := NewWithT(t), t.TempDir()
			for _, file := range txtar.Parse([]byte(c.files)).Files {
				g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(dir, file.Name)), 0o755)).To(Succeed())
				g.Expect(os.WriteFile(filepath.Join(dir, file.Name), file.Data, 0o644)).To(Succeed())
			}
			a := imports.Application{Dir: dir, Has: func(string) bool { return false }}
			g.Expect(a.Missing(c.entry)).To(Equal(c.want))
		})
	}
}

// Packages whose folder is not there are asked for.
func TestPackagesThatCannotBeSeen(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	g.Expect(os.Symlink("/nowhere", filepath.Join(dir, "node_modules"))).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "a.js"), []byte("require('kept')\nrequire('dropped')\n"), 0o644)).To(Succeed())
	a := imports.Application{Dir: dir, Has: func(name string) bool { return name == "kept" }}
	g.Expect(a.Missing("a.js")).To(Equal([]imports.Import{{"a.js", 2, "dropped", "dropped"}}))
}
