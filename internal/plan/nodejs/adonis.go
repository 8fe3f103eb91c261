package nodejs

import "path"

// adonisOutput: what "node ace build" makes is an application of its own, which is started in its folder; package.json has
// "node bin/server.js" for it: https://docs.adonisjs.com/guides/getting-started/deployment. It wants to be told host and port.
func adonisOutput(p *Project) (output, bool) {
	command := "node bin/server.js"
	if p.has(".adonisrc.json") {
		// Version 5.
		command = "node server.js"
	}
	return output{
		command: command, dir: path.Join(p.dir, "build"), launchEnv: map[string]string{"HOST": "0.0.0.0", "PORT": "3333"},
		why: "in build, which the build makes",
	}, p.builds() && (p.has("adonisrc.ts") || p.has(".adonisrc.json"))
}
