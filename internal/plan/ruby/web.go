package ruby

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

// servers are the gems that serve a Rack application; rackup needs WEBrick where none of the others is there.
var servers = []string{"puma", "unicorn", "falcon", "thin", "passenger", "webrick"}

// mainFiles are what people call a program that needs no config.ru: Sinatra's classic style, https://sinatrarb.com/intro.html.
var mainFiles = []string{"app.rb", "main.rb", "server.rb", "web.rb"}

// start is a command that may answer requests, and why it is that. It needs a gem, if it names one.
type start struct{ text, origin, gem string }

// withWeb adds the process that answers requests. Where only Bundler knows whether its gem is installed, what would start without that
// gem is there as well.
func (p *Project) withWeb(s started, ruby string) started {
	conditional := gemfile.Conditional(p.gemfile)
	for n, w := range p.webs() {
		c := p.process("web", w.text, ruby)
		if w.gem != "" {
			c.process.Packages = []string{w.gem}
		}
		if n == 0 {
			s = s.with(c, w.text, w.origin)
		} else {
			s.otherwise, s.files = append(s.otherwise, c.process), merge(s.files, c.files)
		}
		if !conditional[w.gem] {
			break
		}
	}
	return s
}

// webs are the commands that answer requests, the best first.
func (p *Project) webs() (list []start) {
	if !p.has(rackFile) && !p.rails() {
		if file := p.firstOf(mainFiles...); file != "" && (p.served() || !classicSinatra().MatchString(p.read(file))) {
			return []start{{text: "bundle exec ruby " + file, origin: file + " is there; nothing else says how to start"}}
		}
		return nil
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
		list = append(list, start{server.command, server.gem + " is among the gems", server.gem})
	}
	if p.rails() && p.served() {
		list = append(list, start{text: p.railsCommand("server") + " --binding 0.0.0.0 --port ${PORT:-8080}", origin: "a Rails application"})
	} else if p.served() && (p.gems.Has("rackup") || strings.HasPrefix(p.gems.Version("rack"), "2.")) {
		list = append(list, start{text: "bundle exec rackup --host 0.0.0.0 --port ${PORT:-8080}", origin: rackFile})
	}
	return list
}

// served reports whether a gem can serve what Rack, Rails or Sinatra answer; without a lockfile, another gem may bring one.
func (p *Project) served() bool {
	return !p.locked || slices.ContainsFunc(append([]string{"iodine", "agoo"}, servers...), p.gems.Has)
}
