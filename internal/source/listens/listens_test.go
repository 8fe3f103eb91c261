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
		"a test's server":               {"test/server.js", "app.listen(3000)", nil},
		"a tool's server":               {"scripts/mock.js", "app.listen(3000)", nil},
		"Puma":                          {"config/puma.rb", "threads 5, 5\nport 3000\n", []string{"config/puma.rb:2:1 has port 3000: the port is always 3000, and most platforms say by PORT which one they ask at: let it be read, as ENV.fetch(\"PORT\", 3000) on 0.0.0.0"}},
		"Puma with PORT":                {"config/puma.rb", "port ENV.fetch(\"PORT\") { 3000 }\n", nil},
		"Puma on a socket":              {"config/puma.rb", "bind 'unix:///var/run/puma.sock'\n", []string{"config/puma.rb:1:1 has bind 'unix:///var/run/puma.sock': the application listens on a socket in the file system, and a platform asks at PORT: listen on PORT, as ENV.fetch(\"PORT\", 8080) on 0.0.0.0"}},
		"Puma on localhost":             {"config/puma.rb", "  bind \"tcp://127.0.0.1:9292\"\n", []string{"config/puma.rb:1:3 has bind \"tcp://127.0.0.1:9292\": only the container itself reaches 127.0.0.1, and nothing from outside does: listen on 0.0.0.0, as ENV.fetch(\"PORT\", 9292) on 0.0.0.0"}},
		"Puma on both":                  {"config/puma.rb", "port ENV['PORT']\nbind 'unix:///tmp/puma.sock'\n", nil},
		"Sinatra":                       {"app.rb", "require 'sinatra'\nset :port, 4567\n", []string{"app.rb:2:1 has set :port, 4567: the port is always 4567, and most platforms say by PORT which one they ask at: let it be read, as ENV.fetch(\"PORT\", 4567) on 0.0.0.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := app.App{FS: fstest.MapFS{c.file: {Data: []byte(c.text)}}}
			var got []string
			for _, p := range listens.Doubts(listens.Find(a)) {
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
			for _, p := range listens.Find(app.App{FS: fstest.MapFS{name: {Data: []byte(text)}}}) {
				_ = p.String()
			}
		}
	})
}
