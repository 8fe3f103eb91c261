// Package ruby is all that is known of Ruby applications: which versions they ask for, how their gems are installed, how
// Rails builds its assets, and how they are started. It reads the source tree and decides; it has no effects.
package ruby

import (
	"path"
	"strings"
	"sync"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

const (
	rackFile  = "config.ru"
	railsFile = "config/application.rb"
)

// bundle is what Bundler calls its two files, https://bundler.io/man/gemfile.5.html.
type bundle struct{ gemfile, lock string }

// bundles are the names that Bundler knows; it takes the first.
var bundles = []bundle{{"gems.rb", "gems.locked"}, {"Gemfile", "Gemfile.lock"}}

// LookedFor are the files by which a Ruby application is recognised.
var LookedFor = []string{"Gemfile", "gems.rb"}

// Project is a Ruby application as its files describe it.
type Project struct {
	app      app.App
	settings settings.Settings
	// dir is the application's folder in the source tree.
	dir string
	// bundler is how Bundler is set.
	bundler bundler
	// files are the Gemfile and its lockfile; gemfile and lock are what they say.
	files   bundle
	gemfile string
	lock    gemfile.Lock
	// locked: there is a lockfile.
	locked bool
	// gems is the lockfile less what is in groups alone that are not installed; without a lockfile, what the Gemfile names.
	gems gemfile.Lock
	// task is what findTask finds; files are read once.
	task func() taskKnown
	// declared are the process types of the Procfile and project.toml.
	declared []procfile.Entry
}

// Read gives the project in a source tree; nil when it is no Ruby application.
func Read(a app.App, s settings.Settings) (*Project, error) {
	dir, _, _ := strings.Cut(s.App.Value, ",")
	p := &Project{app: a, settings: s, dir: strings.TrimPrefix(path.Clean(dir), ".")}
	var err error
	if p.bundler, err = readBundler(a, s, p.dir); err != nil {
		return nil, err
	}
	found, err := p.readGemfile()
	if err != nil || !found {
		return nil, err
	}
	if p.declared, err = p.readProcesses(); err != nil {
		return nil, err
	}
	p.task = sync.OnceValue(p.findTask)
	lock, found, err := a.Read(p.in(p.files.lock))
	if err != nil {
		return nil, err
	}
	if !found && p.has("package.json") && !p.IsPrimary() {
		// A Gemfile for tools, in an application of Node.js.
		return nil, nil
	}
	leftOut := gemfile.LeftOut(p.gemfile, p.bundler.groups)
	if !found {
		p.gems = gemfile.Declared(p.gemfile, leftOut)
		return p, nil
	}
	p.locked = true
	p.lock = gemfile.ParseLock(string(lock))
	p.gems = p.lock.Without(leftOut)
	return p, nil
}

// readGemfile reads the one that Bundler takes. found is false where there is none.
func (p *Project) readGemfile() (found bool, err error) {
	names := bundles
	if p.bundler.files.gemfile != "" {
		names = []bundle{p.bundler.files}
	}
	for _, p.files = range names {
		text, found, err := p.app.Read(p.in(p.files.gemfile))
		if err != nil || found {
			p.gemfile = string(text)
			return found, err
		}
	}
	return false, nil
}

func (p *Project) readProcesses() ([]procfile.Entry, error) {
	entries, err := procfile.Declared(p.settings.Descriptor)
	if err != nil {
		return nil, err
	}
	entries = procfile.WithGiven(entries, p.settings.WebCommand.Value, p.settings.WebCommand.Origin, p.settings.WebCommand.Origin == "BP_WEB_COMMAND")
	text, found, err := p.app.Read(p.in(procfile.Name))
	if err != nil || !found {
		return entries, err
	}
	more, err := procfile.Parse(p.in(procfile.Name), text)
	return procfile.Merge(entries, more), err
}

// in gives the name of a file of the application in the source tree.
func (p *Project) in(name string) string { return path.Join(p.dir, name) }

func (p *Project) has(name string) bool { return p.app.Has(p.in(name)) }

// read gives a file of the application, empty where there is none that can be read.
func (p *Project) read(name string) string {
	text, _, _ := p.app.Read(p.in(name))
	return string(text)
}

// rails reports whether it is a Rails application.
func (p *Project) rails() bool { return p.gems.Has("railties") && p.has(railsFile) }

// Name is what plans call the language.
func (*Project) Name() string { return Language }

// Provides are the names of Paketo's buildpacks, which others follow: https://github.com/paketo-buildpacks/mri#integration.
func (*Project) Provides() []string { return []string{"ruby", "mri", gemsName} }

// gemsName is the name under which other buildpacks require the gems.
const gemsName = "gems"

// IsPrimary reports whether the application, which is one of Node.js as well, is one of Ruby in the first place: it answers
// requests with Ruby. Others have a Gemfile for tools.
func (p *Project) IsPrimary() bool {
	for _, entry := range p.declared {
		if entry.Type == "web" {
			text := entry.Command + " " + strings.Join(entry.Args, " ")
			for _, word := range []string{"bundle", "rails", "puma", "ruby", "rackup", "unicorn", "falcon", "thin"} {
				if strings.Contains(text, word) {
					return true
				}
			}
			return false
		}
	}
	return p.has(rackFile) || p.has(railsFile) || p.isSite()
}
