package nodejs_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// Which workspace is the application is never a guess, and a library is none.
func TestChosenWorkspace(t *testing.T) {
	const next = `{"name": "web", "scripts": {"start": "next start"}, "dependencies": {"next": "15"}}`
	for name, c := range map[string]struct {
		start, lib string
		more       string
		// app is the folder that is chosen; empty: it is refused.
		app string
	}{
		"a library with a framework":        {lib: `{"name": "lib", "peerDependencies": {"next": "15"}}`, app: "apps/web"},
		"a library with a server's file":    {lib: `{"name": "lib"}`, more: "-- packages/lib/server.js --\n", app: "apps/web"},
		"a library that is watched":         {lib: `{"name": "lib", "scripts": {"start": "tsc --watch"}}`, app: "apps/web"},
		"a start that does nothing":         {lib: `{"name": "lib", "scripts": {"start": "echo none"}}`, app: "apps/web"},
		"stories":                           {lib: `{"name": "lib", "scripts": {"start": "storybook dev -p 6006"}}`, app: "apps/web"},
		"two applications":                  {lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`},
		"all at once":                       {start: "turbo run start", lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`},
		"all at once, of which one watches": {start: "pnpm -r start", lib: `{"name": "lib", "scripts": {"start": "tsc -w"}}`, app: "apps/web"},
		"all but one, Nx":                   {start: "nx run-many --target=start --exclude=lib", lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`, app: "apps/web"},
		"all but one, Lerna":                {start: "lerna run start --ignore lib", lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`, app: "apps/web"},
		"all but one, pnpm":                 {start: "pnpm -r --filter=!lib start", lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`, app: "apps/web"},
		"one by its name, Lerna":            {start: "lerna run start --scope web", lib: `{"name": "lib", "scripts": {"start": "node server.js"}}`, app: "apps/web"},
	} {
		t.Run(name, func(t *testing.T) {
			start := ""
			if c.start != "" {
				start = fmt.Sprintf(`"start": %q`, c.start)
			}
			text := fmt.Sprintf("-- package.json --\n{\"private\": true, \"workspaces\": [\"apps/*\", \"packages/*\"], \"scripts\": {%s}}\n-- apps/web/package.json --\n%s\n-- apps/web/app/page.js --\n-- packages/lib/package.json --\n%s\n%s", start, next, c.lib, c.more)
			p, err := read(txtar.Parse([]byte(text)), t.TempDir())
			g := NewWithT(t)
			if c.app == "" {
				g.Expect(err).To(MatchError(ContainSubstring("[node/several-apps]")))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Image.Processes[0].Dir).To(Equal(c.app))
		})
	}
}

// A start that only serves for development gives way to the script for production.
func TestProductionScripts(t *testing.T) {
	for script, want := range map[string]string{"nodemon": "NODE_ENV=production node app.js --prod", "node app.js": "node app.js"} {
		p, err := read(txtar.Parse(fmt.Appendf(nil, "-- package.json --\n{\"scripts\": {\"start\": %q, \"start:prod\": \"cross-env NODE_ENV=production node app.js --prod\"}, \"dependencies\": {\"cross-env\": \"7\"}}\n-- app.js --\n", script)), t.TempDir())
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(p.Image.Processes[0].String()).To(Equal(want))
	}
}
