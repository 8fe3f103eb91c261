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

// started is how the application is started, and what that needs in the image.
type started struct {
	processes []plan.Process
	// otherwise take the place of processes whose gems turn out not to be installed.
	otherwise  []plan.Process
	env, files map[string]string
	folders    []string
	notes      plan.Notes
}

// with gives it with one more process type, unless there is one of that name; text and origin say what it runs, and why.
func (s started) with(c command, text, origin string) started {
	if slices.ContainsFunc(s.processes, func(other plan.Process) bool { return other.Type == c.process.Type }) {
		return s
	}
	s.processes = append(s.processes, c.process)
	s.files = merge(s.files, c.files)
	if strings.Contains(text, "puma") && strings.Contains(strings.Join(c.process.Args, " "), "-rbundler/setup ") {
		// What people write, and what is started: the same, without the start of Bundler's own program.
		origin += "; started directly, with Bundler as a library"
	}
	s.notes.Decisions = append(s.notes.Decisions, plan.Decision{Subject: c.process.Type, Value: text, Origin: origin})
	return s
}

// command is a process, and the files that it needs in the image.
type command struct {
	process plan.Process
	files   map[string]string
}

// processes decides how the application is started, with a version of Ruby.
func (p *Project) processes(ruby string) (s started, err error) {
	if p.isSite() {
		return s, nil
	}
	for _, entry := range p.declared {
		c := p.declaredProcess(entry, ruby)
		s = s.with(c, cmp.Or(entry.Command, c.process.String()), "from "+entry.Where.String())
	}
	if !p.declares("web") {
		s = p.withWeb(s, ruby)
	}
	if slices.ContainsFunc(s.processes, func(q plan.Process) bool { return strings.Contains(q.String(), "passenger start") }) {
		s.notes.Warnings = append(s.notes.Warnings, passengerWarning)
	}
	for _, job := range []struct{ gem, command string }{
		{"sidekiq", "bundle exec sidekiq"}, {"good_job", "bundle exec good_job start"}, {"solid_queue", "bundle exec rake solid_queue:start"},
	} {
		if p.gems.Has(job.gem) && !p.declares("worker") {
			c := p.process("worker", job.command, ruby)
			c.process.Packages = []string{job.gem}
			s = s.with(c, job.command, job.gem+" is among the gems")
		}
	}
	if p.rails() {
		s = s.with(p.process("console", p.railsCommand("console"), ruby), p.railsCommand("console"), "Rails")
		if p.has("config/database.yml") {
			s = s.with(p.process("release", p.railsCommand("db:prepare"), ruby), p.railsCommand("db:prepare"), "Rails; it runs when it is asked for")
		}
	}
	if p.gems.Has("rake") && p.rakefile() != "" {
		s = s.with(p.process("rake", "bundle exec rake", ruby), "bundle exec rake", "Rakefile")
	}
	if len(s.processes) == 0 || !slices.ContainsFunc(s.processes, func(q plan.Process) bool { return q.Default }) && len(p.declared) == 0 {
		return s, p.nothingToStart()
	}
	if p.bootsnap() != nil {
		s.env = map[string]string{"BOOTSNAP_CACHE_DIR": plan.AppDir + "/" + p.in(bootsnapDir)}
	}
	if p.rails() && slices.ContainsFunc(s.processes, startsRailsServer) {
		// It makes them first of all, and writes its number: railties, lib/rails/commands/server/server_command.rb.
		s.folders = []string{p.in("tmp/cache"), p.in("tmp/pids"), p.in("tmp/sockets")}
		s.env = merge(s.env, map[string]string{"PIDFILE": pidFile})
	}
	return s, nil
}

func (p *Project) nothingToStart() error {
	why, hints := "there is no Procfile, no config.ru, no app.rb, and no Rails application", []string(nil)
	if file := p.firstOf(append([]string{rackFile}, mainFiles...)...); file != "" {
		why, hints = "there is "+file+", and no gem that could serve it: "+strings.Join(servers, ", "), []string{"Run `bundle add puma`, and commit " + p.files.gemfile + " and " + p.files.lock + "."}
	}
	hints = append(hints, "Write a Procfile, for example: web: bundle exec ruby app.rb")
	if p.gems.Has("rake") && p.rakefile() != "" {
		hints = append(hints, "A Rakefile's default task is not started unasked, since it is mostly for tests. If it is to be: web: bundle exec rake")
	}
	return &problem.Problem{
		ID:    "ruby/nothing-to-start",
		Title: "nothing says how the application is started",
		Where: problem.Position{File: p.in(p.files.gemfile)},
		Why:   why,
		Hints: hints,
	}
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

func (p *Project) declaredProcess(entry procfile.Entry, ruby string) command {
	c := command{process: plan.Process{Type: entry.Type, Args: entry.Args, Dir: p.dir}}
	if len(entry.Args) == 0 {
		c = p.process(entry.Type, entry.Command, ruby)
	}
	c.process.Group = c.process.Group || shell.StaysBehindScript(c.process.Args, func(name string) ([]byte, bool, error) { return p.app.Read(p.in(name)) })
	return command{p.stopped(c.process), c.files}
}

// process turns a command's text into the program to execute.
func (p *Project) process(kind, text, ruby string) command {
	if thrust().MatchString(text) && !strings.Contains(text, "HTTP_PORT") {
		text = thrustPort + text
	}
	c := shell.Parse(text)
	if c.Shell != "" {
		script, files := p.directInShell(c.Shell, ruby)
		return command{p.stopped(plan.Process{Type: kind, Args: []string{"sh", "-c", script}, Group: c.Stays, Dir: p.dir}), files}
	}
	args, files := p.direct(c.Args, ruby)
	return command{p.stopped(plan.Process{Type: kind, Env: c.Env, Args: args, Dir: p.dir}), files}
}

// stopped gives a process with the signal that ends it.
func (p *Project) stopped(q plan.Process) plan.Process {
	q.Default, q.Stop = q.Type == "web", ""
	if !q.Group {
		q.Stop = p.stopSignal(q.String())
	}
	return q
}

// directInShell does the same as direct within a script.
func (p *Project) directInShell(script, ruby string) (string, map[string]string) {
	const start = "exec bundle exec puma "
	options, found := strings.CutPrefix(script, start)
	if !found || strings.ContainsAny(options, ";&|") {
		return script, nil
	}
	args, files := p.direct(append([]string{"bundle", "exec", "puma"}, strings.Fields(options)...), ruby)
	if args[0] == "bundle" {
		return script, nil
	}
	return "exec " + strings.Join(args, " "), files
}

// direct leaves out what only starts a program: "bundle exec puma" costs Bundler's own start, and loading it as a library
// does the same. files are what that needs in the image.
func (p *Project) direct(args []string, ruby string) (words []string, files map[string]string) {
	rest := args
	if len(rest) > 2 && rest[0] == "bundle" && rest[1] == "exec" {
		rest = rest[2:]
	} else if len(rest) > 1 && rest[0] == "bin/puma" {
		rest = append([]string{"puma"}, rest[1:]...)
	}
	if rest[0] != "puma" || !p.gems.Has("puma") {
		return args, nil
	}
	config := pumaConfig
	words = append([]string{"ruby", "-rbundler/setup", path.Join(gemHome(ruby), "bin", "puma")}, rest[1:]...)
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
		config += pumaBound
	}
	return append(words, "-C", plan.FilesDir+"/"+pumaFile), map[string]string{pumaFile: config}
}

func (p *Project) firstOf(names ...string) string {
	for _, name := range names {
		if p.has(name) {
			return name
		}
	}
	return ""
}
