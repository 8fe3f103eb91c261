package listens_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/listens"
)

func TestDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"a fixed port": {"server.js", "const express = require('express')\nconst app = express()\napp.listen(3000, () => console.log('up'))\n",
			[]string{"server.js:3:1 has app.listen(3000, …): the port is always 3000, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 3000"}},
		"a fixed port by a name":        {"server.ts", "const port: number = 4000;\nhttp.createServer(f).listen(port)", []string{"server.ts:2:22 has ….listen(port): the port is always 4000, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 4000"}},
		"a name with another value":     {"server.js", "let port = 4000;\nif (x) port = process.env.PORT\napp.listen(port)", nil},
		"PORT":                          {"server.js", "app.listen(process.env.PORT || 3000)", nil},
		"PORT by a name":                {"server.js", "const PORT = process.env.PORT ?? 3000\napp.listen(PORT, '0.0.0.0', () => {})", nil},
		"a parsed PORT":                 {"server.js", "app.listen(parseInt(process.env.PORT, 10))", nil},
		"a comment":                     {"server.js", "// app.listen(3000)\n/* app.listen(3000) */\nconst u = 'http://x'; app.listen(port)", nil},
		"only localhost":                {"server.js", "app.listen(process.env.PORT, '127.0.0.1')", []string{"server.js:1:1 has app.listen(process.env.PORT, '127.0.0.1'): only the container itself reaches 127.0.0.1, and nothing from outside does: listen on 0.0.0.0, or leave the address out"}},
		"localhost by a name":           {"server.js", "const hostname = 'localhost';\nserver.listen(port, hostname, () => {})", []string{"server.js:2:1 has server.listen(port, hostname, …): only the container itself reaches localhost, and nothing from outside does: listen on 0.0.0.0, or leave the address out"}},
		"a server for metrics, too":     {"server.js", "app.listen(process.env.PORT)\nmetrics.listen(9090, 'localhost')", nil},
		"without a port":                {"server.js", "const server = http.createServer(f)\nserver.listen()", []string{"server.js:2:1 has server.listen(): without a port it listens on any that is free, and a platform asks at PORT: name it, as process.env.PORT || 8080"}},
		"another listen without a port": {"server.js", "history.listen(() => {})\nchannel.listen()", nil},
		"a socket":                      {"server.js", "const server = createServer(f); server.listen('/tmp/app.sock')", []string{"server.js:1:33 has server.listen('/tmp/app.sock'): the application listens on a socket in the file system, and a platform asks at PORT: listen on PORT, as process.env.PORT || 8080"}},
		"an object":                     {"server.js", "server.listen({ port: 8000, host: '::1' })", []string{"server.js:1:1 has server.listen({ port: 8000, host: '::1' }): only the container itself reaches ::1, and nothing from outside does: listen on 0.0.0.0, or leave the address out"}},
		"Fastify, which is local":       {"server.js", "const fastify = require('fastify')()\nfastify.listen({ port: process.env.PORT || 3000 })", []string{"server.js:2:1 has fastify.listen({ port: process.env.PORT || 3000 }): only the container itself reaches localhost, and nothing from outside does: name the address 0.0.0.0, as host: '0.0.0.0'"}},
		"Fastify with an address":       {"server.js", "import Fastify from 'fastify'\nconst f = Fastify()\nawait f.listen({ port, host: '0.0.0.0' })", nil},
		"Fastify with a variable":       {"server.js", "import Fastify from 'fastify'\nconst f = Fastify()\nawait f.listen({ port, host })", nil},
		"NestJS on Fastify":             {"src/main.ts", "const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter());\nawait app.listen(process.env.PORT ?? 3000);", []string{"src/main.ts:2:7 has app.listen(process.env.PORT ?? 3000): only the container itself reaches localhost, and nothing from outside does: name the address 0.0.0.0, as host: '0.0.0.0'"}},
		"NestJS":                        {"src/main.ts", "const app = await NestFactory.create(AppModule);\nawait app.listen(3000);", []string{"src/main.ts:2:7 has app.listen(3000): the port is always 3000, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 3000"}},
		"hapi":                          {"server.js", "const server = Hapi.server({\n  port: 3000,\n  host: 'localhost'\n});", []string{"server.js:1:16 has Hapi.server({ port: 3000, host: 'localhost' }): only the container itself reaches localhost, and nothing from outside does: listen on 0.0.0.0, or leave the address out"}},
		"Bun":                           {"server.ts", "Bun.serve({ port: 3000, fetch(r) { return new Response('x') } })", []string{"server.ts:1:1 has Bun.serve({ port: 3000, fetch(r) { return new Response('x') …: the port is always 3000, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 3000"}},
		"Bun, which reads PORT":         {"server.ts", "Bun.serve({ fetch(r) { return new Response('x') } })", nil},
		"Apollo":                        {"index.js", "const { url } = await startStandaloneServer(server, {\n  listen: { port: 4000 },\n});", []string{"index.js:1:23 has listen({ port: 4000 }): the port is always 4000, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 4000"}},
		"WebSockets":                    {"index.js", "const wss = new WebSocketServer({ port: 8080 });", []string{"index.js:1:13 has new WebSocketServer({ port: 8080 }): the port is always 8080, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || 8080"}},
		"WebSockets on a server":        {"index.js", "const wss = new WebSocketServer({ server, path: '/live' }); server.listen(process.env.PORT)", nil},
		"Puma":                          {"config/puma.rb", "threads 5, 5\nport 3000\n", []string{"config/puma.rb:2:1 has port 3000: the port is always 3000, and most platforms say by PORT which one they ask at: let it be read, as ENV.fetch(\"PORT\", 3000) on 0.0.0.0"}},
		"Puma with PORT":                {"config/puma.rb", "port ENV.fetch(\"PORT\") { 3000 }\n", nil},
		"Puma on a socket":              {"config/puma.rb", "bind 'unix:///var/run/puma.sock'\n", []string{"config/puma.rb:1:1 has bind 'unix:///var/run/puma.sock': the application listens on a socket in the file system, and a platform asks at PORT: listen on PORT, as ENV.fetch(\"PORT\", 8080) on 0.0.0.0"}},
		"Puma on localhost":             {"config/puma.rb", "  bind \"tcp://127.0.0.1:9292\"\n", []string{"config/puma.rb:1:3 has bind \"tcp://127.0.0.1:9292\": only the container itself reaches 127.0.0.1, and nothing from outside does: listen on 0.0.0.0, as ENV.fetch(\"PORT\", 9292) on 0.0.0.0"}},
		"Puma on both":                  {"config/puma.rb", "port ENV['PORT']\nbind 'unix:///tmp/puma.sock'\n", nil},
		"options by a name":             {"server.js", "const fastify = require('fastify')()\nfastify.listen(opts)", nil},
		"a quoted key":                  {"server.js", "const fastify = Fastify()\nfastify.listen({port: process.env.PORT, 'host': '0.0.0.0'})", nil},
		"a function among the options":  {"server.js", "const fastify = Fastify()\nfastify.listen({port: process.env.PORT, host: '0.0.0.0', listenTextResolver: a => a})", nil},
		"brackets around PORT":          {"server.js", "const app = express()\napp.listen((process.env.PORT || 5000), () => {})", nil},
		"a parameter of that name":      {"server.js", "function main() { const port = 3000 }\nfunction start(port) { app.listen(port) }", nil},
		"another branch":                {"server.js", "if (secure) greenlock.serve(app)\nelse app.listen(3000)", nil},
		"a form that is not read":       {"server.js", "this.server!.listen(process.env.PORT)\nmetrics.listen(9100)", nil},
		"code in a text":                {"server.js", "const t = `\napp.listen(3000)\n`\nwrite(t)", nil},
		"a path that is no socket":      {"server.js", "const server = createServer(f); bus.listen('/queue/orders', h)", nil},
		"Puma, in a block":              {"config/puma.rb", "port ENV['PORT'] || 3000\n", nil},
		"Sinatra, of development":       {"app.rb", "require 'sinatra'\nconfigure :development do\n  set :port, 4567\nend\n", nil},
		"Sinatra":                       {"app.rb", "require 'sinatra'\nset :port, 4567\n", []string{"app.rb:2:1 has set :port, 4567: the port is always 4567, and most platforms say by PORT which one they ask at: let it be read, as ENV.fetch(\"PORT\", 4567) on 0.0.0.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := app.App{FS: fstest.MapFS{c.file: {Data: []byte(c.text)}}}
			var got []string
			places := listens.Find(a, listens.Reached(a, c.file))
			switch c.file {
			case "config/puma.rb":
				places = listens.Puma(a)
			case "app.rb":
				places = listens.Sinatra(a, c.file)
			}
			for _, p := range listens.Doubts(places) {
				got = append(got, p.String())
			}
			g.Expect(got).To(Equal(c.want))
		})
	}
}

// Whatever a file holds, it is read to its end.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"app.listen(", "app.listen({port", "`${`//", "/*", "'\\", "Bun.serve({", "const a = 1; a.listen(a, '::1')", "/*/", "server.listen(((((("} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, name := range []string{"server.js", "config/puma.rb"} {
			a := app.App{FS: fstest.MapFS{name: {Data: []byte(text)}}}
			for _, p := range append(listens.Find(a, listens.Reached(a, name)), listens.Puma(a)...) {
				_ = p.String()
			}
		}
	})
}

// Only what the entry loads is what web runs.
func TestReached(t *testing.T) {
	g := NewWithT(t)
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"src/main.ts": "import { start } from './server.js'", "src/server.ts": "const x = require('../lib')", "lib/index.js": "import('./late.mjs')", "lib/late.mjs": "", "mock.js": "app.listen(3000)",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	a := app.App{FS: files}
	want := map[string]bool{"src/main.ts": true, "src/server.ts": true, "lib/index.js": true, "lib/late.mjs": true}
	g.Expect(listens.Reached(a, "dist/main.js")).To(Equal(want))
	g.Expect(listens.Reached(a, "src/main.ts")).To(Equal(want))
	g.Expect(listens.Reached(a, "build/index.js")).To(BeNil())
}
