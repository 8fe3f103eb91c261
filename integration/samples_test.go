package integration

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// The Express sample: built, rebuilt without a change, after a changed line and after an added dependency; started.
func TestExpress(t *testing.T) {
	t.Parallel()
	p := copySample(t, "express")
	log := p.build()
	p.Expect(log).To(ContainSubstring(`from engines.node in package.json:9:13 (>=22)`))
	p.Expect(log).To(ContainSubstring("Layer       modules: created (no cached layer)"))
	first := p.layers()

	c := p.start(runDefault)
	status, body := c.get("/")
	p.Expect(status).To(Equal(200))
	p.Expect(body).To(ContainSubstring("Hello from Express"))
	code, took := c.stop()
	p.Expect(code).To(Equal(143), "the application has no handler: SIGTERM ends it")
	p.Expect(took).To(BeNumerically("<", 9*time.Second))

	log = p.build()
	for _, layer := range []string{"gantry", "node", "modules"} {
		p.Expect(log).To(ContainSubstring("Layer       " + layer + ": reused (inputs unchanged)"))
		p.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:" + layer + "'"))
	}
	p.Expect(log).NotTo(ContainSubstring("Download"))
	p.Expect(log).NotTo(ContainSubstring("npm ci --omit"))
	p.Expect(p.layers()).To(Equal(first))

	p.edit("server.js", "Hello from Express", "Good morning")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))
	p.Expect(log).To(ContainSubstring("Added 1/1 app layer(s)"))
	_, body = p.start(runDefault).get("/")
	p.Expect(body).To(ContainSubstring("Good morning"))

	p.addDependency("is-number", "7.0.0")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       modules: created (package-lock.json changed)"))
	p.Expect(log).To(ContainSubstring("Layer       node: reused"))
	output, code := p.run("node", "-p", "require('is-number')(5)")
	p.Expect(output).To(Equal("true\n"))
	p.Expect(code).To(Equal(0))
}

// The TypeScript sample: the build has its development dependencies, the image has none of them.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	p := copySample(t, "typescript")
	p.env["NODE_ENV"] = "production"
	log := p.build()
	p.Expect(log).To(ContainSubstring("nest build"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(ContainSubstring("Hello from NestJS"))
	_, code := p.run("node", "-e", "require('typescript')")
	p.Expect(code).NotTo(Equal(0), "development dependencies are not in the image")
	first := p.layers()

	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       modules: reused"))
	p.Expect(log).NotTo(ContainSubstring("Download"))
	p.Expect(p.layers()).To(Equal(first))

	p.edit("src/app.controller.ts", "Hello from NestJS", "Good evening")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))
	_, body = p.start(runDefault).get("/")
	p.Expect(body).To(ContainSubstring("Good evening"))
}

// An application without dependencies: as user 1000, on a read-only root file system, with a temporary folder.
func TestPlain(t *testing.T) {
	t.Parallel()
	p := copySample(t, "plain")
	p.build()
	output, code := p.run("node", "-e", `
		const fs = require('fs')
		console.log(process.getuid(), process.env.NODE_ENV)
		for (const file of ['/workspace/x', '/layers/x', '/x']) {
			try { fs.writeFileSync(file, ''); console.log('wrote', file) } catch (e) { console.log(e.code) }
		}
		fs.writeFileSync('/tmp/x', 'fine'); console.log(fs.readFileSync('/tmp/x', 'utf8'))`)
	p.Expect(output).To(Equal("1000 production\nEROFS\nEROFS\nEROFS\nfine\n"))
	p.Expect(code).To(Equal(0))

	config, err := p.last.Image.ConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(config.Config.User).NotTo(BeElementOf("", "0", "root"))

	// The same source gives the same image in another folder, from an empty cache.
	other := copySample(t, "plain")
	other.build()
	p.Expect(other.last.Digest).To(Equal(p.last.Digest))
}
