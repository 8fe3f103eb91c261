package ruby

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// pumaFile is Gantry's own part of Puma's configuration, read behind the application's.
const pumaFile = "puma.rb"

// pumaConfig lets Puma end with 0 when it was asked to end and has answered all requests; bound is added where the
// application says nothing of where to listen. https://puma.io/puma/Puma/DSL.html.
const (
	pumaConfig = "raise_exception_on_sigterm false\n"
	pumaBound  = "port ENV.fetch(\"PORT\", \"8080\")\n"
)

// processes decides how the application is started.
func (p *Project) processes(out *plan.Plan) error {
	add := func(q plan.Process, text, origin string) {
		if slices.ContainsFunc(out.Processes, func(other plan.Process) bool { return other.Type == q.Type }) {
			return
		}
		q.Default = q.Type == "web"
		if !q.Group {
			q.Stop = p.stopSignal(q.String())
		}
		out.Processes = append(out.Processes, q)
		out.Decisions = append(out.Decisions, plan.Decision{Subject: q.Type, Value: text, Origin: origin})
	}
	for _, entry := range p.declared {
		q := p.declaredProcess(entry, out)
		q.Group = q.Group || shell.StaysBehindScript(q.Args, func(name string) ([]byte, bool, error) { return p.app.Read(p.in(name)) })
		add(q, cmp.Or(entry.Command, q.String()), "from "+entry.Where.String())
	}
	if text, origin := p.web(); text != "" && !p.declares("web") {
		add(p.process("web", text, out), text, origin)
	}
	if slices.ContainsFunc(out.Processes, func(q plan.Process) bool { return strings.Contains(q.String(), "passenger start") }) {
		out.Warnings = append(out.Warnings, passengerWarning)
	}
	for _, job := range []struct{ gem, command string }{
		{"sidekiq", "bundle exec sidekiq"}, {"good_job", "bundle exec good_job start"}, {"solid_queue", "bundle exec rake solid_queue:start"},
	} {
		if p.gems.Has(job.gem) && !p.declares("worker") {
			add(p.process("worker", job.command, out), job.command, job.gem+" is among the gems")
		}
	}
	if p.rails() {
		add(p.process("console", p.railsCommand("console"), out), p.railsCommand("console"), "Rails")
		if p.has("config/database.yml") {
			add(p.process("release", p.railsCommand("db:prepare"), out), p.railsCommand("db:prepare"), "Rails; it runs when it is asked for")
		}
	}
	if p.gems.Has("rake") && p.has("Rakefile") {
		add(p.process("rake", "bundle exec rake", out), "bundle exec rake", "Rakefile")
	}
	if len(out.Processes) == 0 || !slices.ContainsFunc(out.Processes, func(q plan.Process) bool { return q.Default }) && len(p.declared) == 0 {
		why, hints := "there is no Procfile, no config.ru, no Rakefile with a default task, no app.rb, and no Rails application", []string(nil)
		if file := p.firstOf(append([]string{rackFile}, mainFiles...)...); file != "" {
			why, hints = "there is "+file+", and no gem that could serve it: "+strings.Join(servers, ", "), []string{"Run `bundle add puma`, and commit " + p.files.gemfile + " and " + p.files.lock + "."}
		}
		return &problem.Problem{
			ID:    "ruby/nothing-to-start",
			Title: "nothing says how the application is started",
			Where: problem.Position{File: p.in(p.files.gemfile)},
			Why:   why,
			Hints: append(hints, "Write a Procfile, for example: web: bundle exec ruby app.rb"),
		}
	}
	return nil
}

// stops are servers that take SIGTERM for an order to drop what they are answering, and the signals that they take for one to end when
// they have answered: https://yhbt.net/unicorn/SIGNALS.html; WEBrick, by way of rackup and "rails server", handles SIGINT alone.
var stops = []struct {
	program func() *regexp.Regexp
	signal  string
}{
	// It hands the signal on.
	{thrust, ""},
	{lazyregexp.New(`(?:^|[\s/'])unicorn(?:_rails)?(?:\s|$)`), "QUIT"}, {lazyregexp.New(`(?:^|[\s/'])rackup(?:\s|$)`), "INT"}, {railsServer, "INT"},
}

func (p *Project) stopSignal(command string) string {
	for _, s := range stops {
		if s.program().MatchString(command) {
			return s.signal
		}
	}
	// Sinatra's classic style starts a server itself.
	if m := runsRuby().FindStringSubmatch(command); m != nil && classicSinatra().MatchString(p.read(m[1])) {
		return "INT"
	}
	return ""
}

var classicSinatra = lazyregexp.New(`(?m)^\s*require\s*\(?\s*["']sinatra["']`)

// thrustPort has Thruster listen where it is asked to, and not at port 80: https://github.com/basecamp/thruster#custom-configuration.
const thrustPort = "HTTP_PORT=${HTTP_PORT:-${PORT:-8080}} "

var thrust = lazyregexp.New(`(?:^|[\s/])thrust\s`)

// passengerWarning says what Passenger does when it starts: https://www.phusionpassenger.com/docs/references/config_reference/standalone/.
const passengerWarning = "Passenger fetches programs of its own when it first starts, into HOME: the container needs the network, and a home folder that can be " +
	"written to. Puma needs neither."

// railsCommand is a command of Rails, by the application's own start of it where there is one.
func (p *Project) railsCommand(command string) string {
	if p.has("bin/rails") {
		return "ruby bin/rails " + command
	}
	return "bundle exec rails " + command
}

func (p *Project) declares(kind string) bool {
	return slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == kind })
}

// servers are the gems that serve a Rack application; rackup needs WEBrick where none of the others is there.
var servers = []string{"puma", "unicorn", "falcon", "thin", "passenger", "webrick"}

// mainFiles are what people call a program that needs no config.ru: Sinatra's classic style, https://sinatrarb.com/intro.html.
var mainFiles = []string{"app.rb", "main.rb", "server.rb", "web.rb"}

var defaultTask = lazyregexp.New(`(?m)^\s*task[\s(]+(?::default\b|default:|["']default["'])`)

// web is the command that answers requests, and why it is that.
func (p *Project) web() (text, origin string) {
	if !p.has(rackFile) && !p.rails() {
		tasks, _, err := p.app.Read(p.in("Rakefile"))
		if err == nil && p.gems.Has("rake") && defaultTask().Match(tasks) {
			return "bundle exec rake", "the Rakefile's default task; there is nothing else to start"
		}
		if file := p.firstOf(mainFiles...); file != "" && (p.served() || !classicSinatra().MatchString(p.read(file))) {
			return "bundle exec ruby " + file, file + " is there; nothing else says how to start"
		}
		return "", ""
	}
	for _, server := range []struct{ gem, command string }{
		{"puma", "bundle exec puma"}, {"unicorn", "bundle exec unicorn --port ${PORT:-8080}"}, {"falcon", "bundle exec falcon serve --bind http://0.0.0.0:${PORT:-8080}"},
		{"thin", "bundle exec thin start --address 0.0.0.0 --port ${PORT:-8080}"},
		{"passenger", "bundle exec passenger start --environment production --address 0.0.0.0 --port ${PORT:-8080}"},
	} {
		if !p.gems.Has(server.gem) {
			continue
		}
		if config := "config/" + server.gem + ".rb"; server.gem == "unicorn" && p.has(config) {
			server.command += " --config-file " + config
		}
		return server.command, server.gem + " is among the gems"
	}
	if p.rails() && p.served() {
		return p.railsCommand("server") + " --binding 0.0.0.0 --port ${PORT:-8080}", "a Rails application"
	}
	if p.served() && (p.gems.Has("rackup") || strings.HasPrefix(p.gems.Version("rack"), "2.")) {
		return "bundle exec rackup --host 0.0.0.0 --port ${PORT:-8080}", rackFile
	}
	return "", ""
}

// served reports whether a gem can serve what Rack, Rails or Sinatra answer; without a lockfile, another gem may bring one.
func (p *Project) served() bool {
	return !p.locked || slices.ContainsFunc(append([]string{"iodine", "agoo"}, servers...), p.gems.Has)
}

func (p *Project) declaredProcess(entry procfile.Entry, out *plan.Plan) plan.Process {
	if len(entry.Args) > 0 {
		return plan.Process{Type: entry.Type, Args: entry.Args, Dir: p.dir}
	}
	return p.process(entry.Type, entry.Command, out)
}

func (p *Project) process(kind, text string, out *plan.Plan) plan.Process {
	if thrust().MatchString(text) && !strings.Contains(text, "HTTP_PORT") {
		text = thrustPort + text
	}
	c := shell.Parse(text)
	if c.Shell != "" {
		return plan.Process{Type: kind, Args: []string{"sh", "-c", p.directInShell(c.Shell, out)}, Group: c.Stays, Dir: p.dir}
	}
	return plan.Process{Type: kind, Env: c.Env, Args: p.direct(c.Args, out), Dir: p.dir}
}

// directInShell does the same as direct within a script.
func (p *Project) directInShell(script string, out *plan.Plan) string {
	const start = "exec bundle exec puma "
	options, found := strings.CutPrefix(script, start)
	if !found || strings.ContainsAny(options, ";&|") {
		return script
	}
	args := p.direct(append([]string{"bundle", "exec", "puma"}, strings.Fields(options)...), out)
	if args[0] == "bundle" {
		return script
	}
	return "exec " + strings.Join(args, " ")
}

// direct leaves out what only starts a program: "bundle exec puma" costs Bundler's own start, and loading it as a library
// does the same.
func (p *Project) direct(args []string, out *plan.Plan) []string {
	rest := args
	if len(rest) > 2 && rest[0] == "bundle" && rest[1] == "exec" {
		rest = rest[2:]
	} else if len(rest) > 1 && rest[0] == "bin/puma" {
		rest = append([]string{"puma"}, rest[1:]...)
	}
	if rest[0] != "puma" || !p.gems.Has("puma") {
		return args
	}
	if out.Files == nil {
		out.Files = map[string]string{}
	}
	out.Files[pumaFile] = pumaConfig
	program := path.Join(gemHome(out.Runtime.Release.Version), "bin", "puma")
	words := append([]string{"ruby", "-rbundler/setup", program}, rest[1:]...)
	named := slices.ContainsFunc(rest, func(word string) bool {
		return word == "-C" || word == "--config" || strings.HasPrefix(word, "--config=")
	})
	bound := slices.ContainsFunc(rest, func(word string) bool {
		return word == "-b" || word == "-p" || strings.HasPrefix(word, "--bind") || strings.HasPrefix(word, "--port")
	})
	switch own := p.firstOf("config/puma/production.rb", "config/puma.rb"); {
	case !named && own != "":
		// With -C, Puma does not look for these itself.
		words = append(words, "-C", own)
	case !named && !bound:
		out.Files[pumaFile] += pumaBound
	}
	return append(words, "-C", plan.FilesDir+"/"+pumaFile)
}

func (p *Project) firstOf(names ...string) string {
	for _, name := range names {
		if p.has(name) {
			return name
		}
	}
	return ""
}
