package resolve

import (
	"io/fs"
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
	local     = lazyregexp.New(`(?:^|\s)(?:-H|--host|--hostname|--address|-b|--bind|--binding|-o)(?:=|\s+)(?:tcp://)?(localhost|127\.[\d.]+|::1)(?:[:\s]|$)`)
	// scripted are programs that run a file of the application.
	scripted = lazyregexp.New(`(?:^|/)(?:node|bun|tsx|ts-node|ruby|rackup|puma)$`)
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
	if m := local().FindStringSubmatch(line); m != nil {
		warnings = append(warnings, "The process web runs "+web.String()+": only the container itself reaches "+m[1]+", and nothing from outside does. Let it listen on 0.0.0.0.")
	}
	if m := fixedPort().FindStringSubmatch(line); m != nil {
		warnings = append(warnings, "The process web runs "+web.String()+": the port is always "+m[1]+", and most platforms say by PORT which one they ask at. Write $PORT in its place, in a Procfile or a script of package.json.")
	}
	if len(warnings) > 0 || !slices.ContainsFunc(web.Args, func(word string) bool { return scripted().MatchString(word) }) || strings.Contains(line, "node_modules/") {
		return warnings, nil
	}
	home := a.homeOf(web)
	var own []listens.Place
	for _, p := range listens.Find(a.source) {
		if a.packageOf(path.Dir(p.Where.File)) == home {
			own = append(own, p)
		}
	}
	for _, p := range listens.Doubts(own) {
		warnings = append(warnings, p.String())
		l := plan.Listen{Port: p.Port, Advice: p.String()}
		if p.Host != "" {
			l.Port = 0
		}
		places = append(places, l)
	}
	return warnings, places
}

// homeOf is the folder of the package whose code a process runs.
func (a Application) homeOf(p plan.Process) string {
	entry := "."
	if len(p.Entry) > 0 {
		entry = path.Dir(p.Entry[0])
	}
	if dir := a.packageOf(entry); dir != "." {
		return dir
	}
	return a.packageOf(cleanDir(p.Dir))
}

// packageOf is the nearest folder, at or above one, with a package.json or a Gemfile; else the source's.
func (a Application) packageOf(dir string) string {
	for dir = cleanDir(dir); dir != "."; dir = path.Dir(dir) {
		for _, file := range []string{"package.json", "Gemfile"} {
			if _, err := fs.Stat(a.source.FS, path.Join(dir, file)); err == nil {
				return dir
			}
		}
	}
	return dir
}

// cleanDir is a folder of the application as fs takes it; what leads out of it is the application's own.
func cleanDir(dir string) string {
	if dir = path.Clean(dir); fs.ValidPath(dir) {
		return dir
	}
	return "."
}
