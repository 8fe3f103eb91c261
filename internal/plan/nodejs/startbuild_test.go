package nodejs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// What start scripts build first is built with the image; everything else in front of the server stays where it is.
func TestBuildsInStartScripts(t *testing.T) {
	type scripts map[string]string
	for name, c := range map[string]struct {
		scripts scripts
		// more is what package.json says beside; env is NAME=VALUE.
		more, env, procfile string
		built               []string
		started             string
	}{
		"a script":                 {scripts: scripts{"build": "tsc", "start": "npm run build && node dist"}, built: []string{"npm run build"}, started: "node dist"},
		"another script":           {scripts: scripts{"build:ts": "tsc", "start": "npm run build:ts && node dist"}, built: []string{"npm run build:ts"}, started: "node dist"},
		"a compiler":               {scripts: scripts{"start": "tsc -p . && node dist"}, built: []string{"tsc -p ."}, started: "node dist"},
		"through npx":              {scripts: scripts{"start": "npx tsc && node dist"}, built: []string{"npx tsc"}, started: "node dist"},
		"cleared before":           {scripts: scripts{"start": "rimraf dist && tsc && node dist"}, built: []string{"rimraf dist", "tsc"}, started: "node dist"},
		"cleared and built anyway": {scripts: scripts{"build": "tsc", "start": "rm -rf dist && npm run build && node dist"}, built: []string{"npm run build"}, started: "node dist"},
		"the text of build":        {scripts: scripts{"build": "tsc -p .", "start": "tsc -p . && node dist"}, built: []string{"npm run build"}, started: "node dist"},
		"with variables":           {scripts: scripts{"start": "NODE_ENV=production webpack && A=1 node dist"}, built: []string{"NODE_ENV=production webpack (NODE_ENV=production)"}, started: "A=1 node dist"},
		"prestart":                 {scripts: scripts{"build": "tsc", "prestart": "npm run build", "start": "node dist"}, built: []string{"npm run build"}, started: "node dist"},
		"prestart of another": {scripts: scripts{"build": "tsc", "start": "npm run start:prod", "prestart:prod": "rimraf dist && npm run build", "start:prod": "node dist"},
			built: []string{"npm run build"}, started: "node dist"},
		"prestart that calls others": {scripts: scripts{"clean": "lb-clean dist", "build": "lb-tsc", "rebuild": "npm run clean && npm run build", "prestart": "npm run rebuild", "start": "node -r source-map-support/register ."},
			built: []string{"npm run build"}, started: "node -r source-map-support/register ."},
		"prestart that compiles and calls": {scripts: scripts{"clean": "rimraf dist", "tsc": "npm run clean && tsc", "prestart": "npm run tsc", "start": "node dist"}, built: []string{"npm run tsc"}, started: "node dist"},
		"a script that does more": {scripts: scripts{"build": "tsc", "prepare:db": "npm run build && node migrate.js", "start": "npm run prepare:db && node dist"},
			built: []string{"npm run build"}, started: "sh -c 'node migrate.js && exec node dist'"},
		"prestart of all workspaces": {scripts: scripts{"prestart": "npm run build --workspaces --if-present", "start": "node apps/api/dist/main.js"}, built: []string{"npm run build --workspaces --if-present"}, started: "node apps/api/dist/main.js"},
		"named by a Procfile":        {scripts: scripts{"start": "tsc && node dist"}, procfile: "web: npm start\nworker: npm run start\n", built: []string{"tsc"}, started: "node dist"},

		"a migration":            {scripts: scripts{"build": "tsc", "start": "prisma migrate deploy && node dist"}, built: []string{"npm run build"}, started: "sh -c 'prisma migrate deploy && exec node dist'"},
		"a migration in between": {scripts: scripts{"start": "tsc && node migrate.js && node dist"}, built: []string{"tsc"}, started: "sh -c 'node migrate.js && exec node dist'"},
		"a migration before":     {scripts: scripts{"prestart": "node migrate.js", "start": "tsc && node dist"}, started: "sh -c 'node migrate.js && tsc && exec node dist'"},
		"only cleared":           {scripts: scripts{"start": "rimraf tmp && node a.js"}, started: "sh -c 'rimraf tmp && exec node a.js'"},
		"one that stays":         {scripts: scripts{"build:css": "tailwindcss --watch", "start": "npm run build:css && node a.js"}, started: "sh -c 'tailwindcss --watch && exec node a.js'"},
		"at the same time":       {scripts: scripts{"start": "tsc & node a.js"}, started: "sh -c 'tsc & exec node a.js'"},
		"webpack's server":       {scripts: scripts{"start": "webpack serve && node a.js"}, started: "sh -c 'webpack serve && exec node a.js'"},
		"nothing but a build":    {scripts: scripts{"start": "tsc"}, started: "tsc"},
		"a Procfile's own":       {scripts: scripts{"start": "node a.js"}, procfile: "web: tsc && node dist\n", started: "sh -c 'tsc && exec node dist'"},
		"scripts that are set":   {scripts: scripts{"build": "tsc", "other": "true", "start": "npm run build && node dist"}, env: "BP_NODE_RUN_SCRIPTS=other", built: []string{"npm run other"}, started: "sh -c 'tsc && exec node dist'"},
		"the one that is set":    {scripts: scripts{"make": "tsc", "start": "npm run make && node dist"}, env: "BP_NODE_RUN_SCRIPTS=make", built: []string{"npm run make"}, started: "node dist"},

		"pnpm":                           {scripts: scripts{"prestart": "node a.js", "start": "node b.js"}, more: `, "packageManager": "pnpm@10.30.0"`, started: "sh -c 'node a.js && exec node b.js'"},
		"pnpm 8, which runs no prestart": {scripts: scripts{"prestart": "node a.js", "start": "node b.js"}, more: `, "packageManager": "pnpm@8.15.0"`, started: "node b.js"},
		"Yarn 4, which runs none":        {scripts: scripts{"prestart": "node a.js", "start": "node b.js"}, more: `, "packageManager": "yarn@4.16.0"`, started: "node b.js"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			text, err := json.Marshal(c.scripts)
			g.Expect(err).NotTo(HaveOccurred())
			manifest := fmt.Sprintf(`{"scripts": %s, "devDependencies": {"typescript": "5.9.3", "rimraf": "6.0.0", "prisma": "6.0.0"}%s}`, text, c.more)
			archive := &txtar.Archive{Comment: []byte(c.env + "\n"), Files: []txtar.File{{Name: "package.json", Data: []byte(manifest)}}}
			if c.procfile != "" {
				archive.Files = append(archive.Files, txtar.File{Name: "Procfile", Data: []byte(c.procfile)})
			}
			p, err := read(archive, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			var built []string
			for _, step := range p.Build.Steps {
				for name, value := range step.Env {
					step.Title += " (" + name + "=" + value + ")"
				}
				built = append(built, step.Title)
			}
			g.Expect(built).To(Equal(c.built))
			g.Expect(p.Image.Processes[0].String()).To(Equal(c.started), strings.Join(built, "\n"))
		})
	}
}

// What waits for files to change, or leaves the program to a daemon, is for other places than a container.
func TestInForeground(t *testing.T) {
	for script, want := range map[string]string{
		"nodemon server.js":                         "node server.js",
		"nodemon --exec ts-node server.ts":          "nodemon --exec ts-node server.ts",
		"tsx watch --clear-screen=false server.ts":  "tsx --clear-screen=false server.ts",
		"node --watch server.js":                    "node server.js",
		"NODE_ENV=production pm2 start a.js -i max": "NODE_ENV=production pm2-runtime start a.js -i max",
		"npx pm2 start ecosystem.config.js":         "pm2-runtime start ecosystem.config.js",
		"pm2 start e.json --no-daemon --env prod":   "pm2-runtime start e.json --env prod",
		"forever start -m 5 server.js":              "forever -m 5 server.js",
		"pm2-runtime start a.js":                    "pm2-runtime start a.js",
	} {
		t.Run(script, func(t *testing.T) {
			g := NewWithT(t)
			manifest := fmt.Sprintf(`{"scripts": {"start": %q}, "dependencies": {"pm2": "6.0.0"}}`, script)
			p, err := read(&txtar.Archive{Files: []txtar.File{{Name: "package.json", Data: []byte(manifest)}}}, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Image.Processes[0].String()).To(Equal(want))
			if strings.Contains(want, "pm2-runtime") {
				g.Expect(p.Image.Environment.Variables).To(HaveKeyWithValue("PM2_HOME", "/tmp/.pm2"))
			} else {
				g.Expect(p.Image.Environment.Variables).NotTo(HaveKey("PM2_HOME"))
			}
		})
	}
}
