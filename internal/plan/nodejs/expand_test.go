package nodejs_test

import (
	"encoding/json"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// Scripts stand in the place of the package managers that would run them, wherever these are in a shell's text.
func TestScriptsInShellText(t *testing.T) {
	type scripts map[string]string
	serve := scripts{"start": "node server.js", "serve": "node serve.js", "migrate": "node migrate.js && node seed.js", "both": "cd lib && node a.js"}
	for name, c := range map[string]struct {
		scripts  scripts
		procfile string
		started  string
		more     string
	}{
		"a variable among the arguments": {procfile: "npm start -- --port $PORT", started: "sh -c 'exec node server.js --port $PORT'"},
		"npm's own words":                {procfile: "npm start $ARGS", started: "sh -c 'exec npm start $ARGS'"},
		"Yarn hands words on":            {procfile: "yarn start --port $PORT", more: `, "packageManager": "yarn@1.22.22"`, started: "sh -c 'exec node server.js --port $PORT'"},
		"variables by env":               {procfile: "env A=b npm start", started: "A=b node server.js"},
		"variables of a list":            {procfile: "env A=b npm run both", started: "A=b node a.js (in lib)"},
		"variables in front":             {procfile: "A=$B npm start", started: "sh -c 'A=$B exec node server.js'"},
		"a folder and a semicolon":       {procfile: "cd lib; npm start", started: "sh -c 'cd lib; exec node lib.js'"},
		"two scripts":                    {procfile: "npm run migrate && npm run serve", started: "sh -c 'node migrate.js && node seed.js && exec node serve.js'"},
		"one that enters a folder":       {procfile: "npm run both && npm start", started: "sh -c '(cd lib && node a.js) && exec node server.js'"},
		"one of another folder":          {procfile: "npm run migrate; npm --prefix lib start", started: "sh -c '(node migrate.js && node seed.js); { cd lib && exec node lib.js; }'"},
		"else":                           {procfile: "npm run serve || npm start", started: "sh -c 'node serve.js || node server.js'"},
		"Node.js' own runner":            {procfile: "node --run serve", started: "node serve.js"},
		"Node.js' own runner with words": {procfile: "node --run serve -- --fast", started: "node serve.js --fast"},
		"Node.js' own runner in a text":  {procfile: "echo $A; node --run serve", started: "sh -c 'echo $A; exec node serve.js'"},
		"a script before":                {scripts: scripts{"prestart": "node before.js", "start": "node a.js"}, procfile: "echo $A && npm start", started: "sh -c 'echo $A && node before.js && exec node a.js'"},
		"no script before":               {scripts: scripts{"preserve": "node before.js", "serve": "node a.js"}, procfile: "node --run serve", started: "node a.js"},
		"one that calls itself":          {scripts: scripts{"start": "echo $A && npm start"}, procfile: "npm start", started: "sh -c 'echo $A && exec npm start'"},
		"one that ends with a comment":   {scripts: scripts{"start": "node a.js # fast"}, procfile: "echo $A; npm start", started: "sh -c 'echo $A; exec node a.js'"},
		"one that needs its name":        {scripts: scripts{"start": "wireit"}, procfile: "npm start", started: "npm start"},
		"scripts that are ignored":       {scripts: scripts{"prestart": "node before.js", "start": "node a.js"}, more: "\n.npmrc", procfile: "npm start", started: "node a.js"},
		"a wrapper by its place":         {procfile: "./node_modules/.bin/cross-env A=1 npm run serve", started: "A=1 node serve.js"},
		"another shell":                  {procfile: `bash -c "npm run migrate && npm run serve"`, started: "bash -c 'node migrate.js && node seed.js && exec node serve.js'"},
		"behind two dashes":              {procfile: "dotenv -e .env -- npm run serve", started: "dotenv -e .env -- node serve.js"},
		"the shell of .npmrc":            {scripts: scripts{"start": "source ./env && node a.js"}, more: "\n.npmrc bash", procfile: "npm start", started: "bash -c 'source ./env && exec node a.js'"},
		"npm's own variables":            {scripts: scripts{"start": "$npm_execpath run serve", "serve": "$npm_node_execpath a.js"}, procfile: "npm start", started: "node a.js"},
		"a function":                     {procfile: "f() { node \"$@\"; }; f server.js", started: "sh -c 'f() { node \"$@\"; }; f server.js'"},
		"a redirection":                  {procfile: "npm start > log", started: "sh -c 'exec node server.js >log'"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			if c.scripts == nil {
				c.scripts = serve
			}
			files := []txtar.File{{Name: "Procfile", Data: []byte("web: " + c.procfile + "\n")}, {Name: "lib/package.json", Data: []byte(`{"scripts": {"start": "node lib.js"}}`)}}
			if c.more == "\n.npmrc bash" {
				files, c.more = append(files, txtar.File{Name: ".npmrc", Data: []byte("script-shell=/bin/bash\n")}), ""
			}
			if c.more == "\n.npmrc" {
				files, c.more = append(files, txtar.File{Name: ".npmrc", Data: []byte("ignore-scripts = true\n")}), ""
			}
			text, err := json.Marshal(c.scripts)
			g.Expect(err).NotTo(HaveOccurred())
			files = append(files, txtar.File{Name: "package.json", Data: fmt.Appendf(nil, `{"scripts": %s, "dependencies": {"express": "5"}%s}`, text, c.more)})
			p, err := read(&txtar.Archive{Files: files}, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Image.Processes[0].String()).To(Equal(c.started))
		})
	}
}
