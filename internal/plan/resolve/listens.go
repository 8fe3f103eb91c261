package resolve

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/listens"
)

// webProcess is the process type that platforms send requests to.
const webProcess = "web"

var (
	// fixedPort and local are options of servers on the command line.
	fixedPort = lazyregexp.New(`(?:^|\s)(?:-p|--port|-l|--listen)(?:=|\s+)(?:tcp://)?(?:[\d.]+:)?(\d{2,5})(?:\s|$)`)
	local     = lazyregexp.New(`(?:^|\s)(?:-H|--host|--hostname|--address|-b|--bind|--binding|-o)(?:=|\s+)(?:(?:tcp|https?)://)?(localhost|127\.[\d.]+|::1)(?:[:\s]|$)`)
	puma      = lazyregexp.New(`(?:^|[\s/])puma(?:\s|$)`)
	// servers are the programs that have these options; an application's own may mean something else by them.
	servers = lazyregexp.New(`^(?:\S*/)?(?:next|vite|nuxt|nuxi|astro|serve|http-server|json-server|ng|webpack|webpack-dev-server|vue-cli-service|remix-serve|react-router-serve|srvx|puma|rackup|unicorn|thin|falcon)$`)
)

// unreachable tells what keeps a platform from reaching the web process: what its command line says, or, where it runs the application's own code,
// what that says for certain.
func (a Application) unreachable(processes []plan.Process) (warnings []string, places []plan.Listen) {
	n := slices.IndexFunc(processes, func(p plan.Process) bool { return p.Type == webProcess })
	if n < 0 || processes[n].Args[0] == plan.StaticServer {
		return nil, nil
	}
	web := processes[n]
	line := strings.Join(web.Args, " ")
	if strings.Contains(line, "PORT") {
		return nil, nil
	}
	if port := web.Env["PORT"]; port != "" {
		warnings = append(warnings, "The process web sets PORT to "+port+" itself, and most platforms say by PORT which one they ask at. Leave it out of the command.")
	}
	isServer := slices.ContainsFunc(web.Args, func(word string) bool { return servers().MatchString(word) }) && !strings.ContainsAny(line, "&;|")
	if m := local().FindStringSubmatch(line); m != nil && isServer {
		warnings = append(warnings, "The process web runs "+web.String()+": only the container itself reaches "+m[1]+", and nothing from outside does. Let it listen on 0.0.0.0.")
	}
	if m := fixedPort().FindStringSubmatch(line); m != nil && isServer {
		warnings = append(warnings, "The process web runs "+web.String()+": the port is always "+m[1]+", and most platforms say by PORT which one they ask at. Write $PORT in its place, in a Procfile or a script of package.json.")
	}
	if len(warnings) > 0 {
		return warnings, nil
	}
	for _, p := range listens.Doubts(a.opened(web)) {
		warnings = append(warnings, p.String())
		l := plan.Listen{Port: p.Port, Advice: p.String()}
		if p.Host != "" {
			l.Port = 0
		}
		places = append(places, l)
	}
	return warnings, places
}

// opened are the places in the code that a process runs: the file that it starts and what that imports, or the configuration of its server.
func (a Application) opened(p plan.Process) []listens.Place {
	line := strings.Join(p.Args, " ")
	switch {
	case puma().MatchString(line):
		if strings.Contains(line, " -C ") && !strings.Contains(line, "config/puma.rb") {
			return nil
		}
		return listens.Puma(a.source)
	case p.Args[0] == "ruby" && p.Dir == "" && len(p.Args) > 1:
		return listens.Sinatra(a.source, p.Args[len(p.Args)-1])
	case len(p.Entry) > 0:
		return listens.Find(a.source, listens.Reached(a.source, p.Entry[0]))
	case len(p.Args) == 2 && (p.Args[0] == "bun" || p.Args[0] == "tsx"), len(p.Args) == 3 && p.Args[0] == "bun" && p.Args[1] == "run":
		return listens.Find(a.source, listens.Reached(a.source, path.Join(p.Dir, p.Args[len(p.Args)-1])))
	}
	return nil
}
