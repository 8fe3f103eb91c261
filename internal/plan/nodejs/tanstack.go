package nodejs

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// tanstackOutput: with Nitro it makes a server; without, a function that answers requests, and files. srvx, which comes with
// it, serves both: https://tanstack.com/start/latest/docs/framework/react/guide/hosting.
func tanstackOutput(p *Project) (output, bool) {
	if strings.Contains(p.config("vite.config"), "nitro") {
		return nitroOutput(p)
	}
	o := output{command: "srvx --prod --static=../client dist/server/server.js", why: "served by srvx"}
	if p.builds() && p.comesWith("srvx") {
		return o, true
	}
	return output{hint: "TanStack Start makes no server by itself: add the plugin of nitro to vite.config, or srvx to dependencies."}, false
}

// comesWith reports whether a package is among those of the application, in a place where its programs are found: a
// dependency of its own, or one of a dependency that the package manager puts next to them.
func (p *Project) comesWith(name string) bool {
	if p.manifest.Has(name) || p.manager.Name == "" {
		return true
	}
	text := p.manager.Text
	if p.manager.Name == "npm" && p.manager.Lockfile != "" {
		text, _, _ = p.app.Read(path.Join(p.root, p.manager.Lockfile))
	}
	marks := map[string][]string{"npm": {`"node_modules/` + name + `"`}, "yarn": {"\n" + name + "@", "\n\"" + name + "@"}, "bun": {`"` + name + `": [`}}
	return slices.ContainsFunc(marks[p.manager.Name], func(mark string) bool { return bytes.Contains(text, []byte(mark)) })
}
