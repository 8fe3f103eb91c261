package ruby

import (
	_ "embed" // for the programs in Ruby
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// reads notes what code looks at, askRake runs a task if there is one.
//
//go:embed reads.rb
var reads string

//go:embed assets.rb
var askRake string

// taskKnown is what the source says of the task that builds assets: only Rake knows whether there is one.
type taskKnown int

const (
	taskNone taskKnown = iota
	// taskUnknown: Rake is asked before anything else.
	taskUnknown
	// taskLikely: it is run, and is nothing if Rake has none.
	taskLikely
)

// runTask gives a command the words and the input with which it runs the task.
func (p *Project) runTask(c plan.Command, known taskKnown) plan.Command {
	task := p.settings.AssetsTask
	switch {
	case task.IsSet():
		c.Args = append([]string{"bundle", "exec", "rake"}, strings.Fields(task.Value)...)
		return c
	case known == taskUnknown:
		c.Input = askRake + "Asked.first\n"
	default:
		c.Input = askRake + "Asked.run\n"
	}
	c.Args = []string{"ruby", "-rbundler/setup", "-", task.Value}
	return c
}

// skipsAssets reports whether somebody has said that no assets are built.
func (p *Project) skipsAssets() bool { return p.settings.AssetsTask.Value == "none" }

// findTask reads what there is of the task assets:precompile: https://devcenter.heroku.com/articles/ruby-support-reference#rake-assets-precompile.
func (p *Project) findTask() taskKnown {
	if p.skipsAssets() || p.rakefile() == "" || !p.gems.Has("rake") && !p.rails() || p.precompiled() != "" && !p.settings.AssetsTask.IsSet() {
		return taskNone
	}
	own, unknown := false, false
	for _, name := range p.taskFiles() {
		text := strings.Join(gemfile.Statements(p.read(name)), "\n")
		own = own || mentionsTask().MatchString(text) || assetsNamespace().MatchString(text) && taskInside().MatchString(text)
		unknown = unknown || loadsMore(text) || strings.Contains(text, "assets") && strings.Contains(text, "precompile")
	}
	gems := []string{"propshaft", "sprockets-rails", "sprockets", "vite_rails", "shakapacker", "webpacker"}
	switch {
	case own || p.settings.AssetsTask.IsSet():
		return taskLikely
	case p.rails() && slices.ContainsFunc(gems, p.gems.Has):
		return taskLikely
	case unknown && !p.rails():
		// Rails itself has none: it comes with these gems.
		return taskUnknown
	}
	return taskNone
}

// rakefiles are the names that Rake knows; it takes the first: https://ruby.github.io/rake/doc/rakefile_rdoc.html.
var rakefiles = []string{"rakefile", "Rakefile", "rakefile.rb", "Rakefile.rb"}

func (p *Project) rakefile() string { return p.firstOf(rakefiles...) }

// taskFiles are the application's files of tasks: where everybody has them, and those that the Rakefile loads by name, and these in turn.
func (p *Project) taskFiles() []string {
	names := []string{p.rakefile()}
	for _, pattern := range []string{"rakelib/*.rake", "lib/tasks/*.rake", "lib/tasks/*/*.rake", "tasks/*.rake"} {
		// The pattern is right.
		found, _ := fs.Glob(p.app.FS, p.in(pattern))
		for _, name := range found {
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(name, p.dir), "/"))
		}
	}
	for n := 0; n < len(names) && n < mostTaskFiles; n++ {
		for _, m := range ownLoads().FindAllStringSubmatch(p.read(names[n]), -1) {
			for _, name := range []string{path.Join(path.Dir(names[n]), m[1]), path.Join(path.Dir(names[n]), m[1]+".rb"), path.Clean(m[1]), path.Clean(m[1] + ".rb")} {
				if fs.ValidPath(name) && p.has(name) && name != railsFile && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// mostTaskFiles bounds how many files are read for the answer.
const mostTaskFiles = 100

var (
	mentionsTask    = lazyregexp.New(`assets:precompile|\bViteRuby\.install_tasks\b`)
	assetsNamespace = lazyregexp.New(`(?m)^\s*namespace[\s(]+(?::assets\b|["']assets["'])`)
	taskInside      = lazyregexp.New(`(?m)^\s+(?:multi)?task[\s(]+(?::precompile\b|precompile:|["']precompile["'])`)
	ownLoads        = lazyregexp.New(`(?m)^\s*(?:require_relative|require|load|import)[\s(]+["'](\.{0,2}/?[\w./-]+)["']`)
	// loads are lines by which a Rakefile may come to tasks that do not stand in it, or whose names do not.
	loads = lazyregexp.New(`(?m)\b(?:load_tasks|install_tasks|import|load|add_rakelib|FileList|instance_eval|class_eval|eval|define_task)\b|\bDir\b|` +
		`\b(?:multi)?task[\s(]+(?:[a-z_]\w*[\s,)]|["'][^"']*#\{)|^\s*(?:require|Bundler\.require)\b[\s(]*["']?([\w./-]*)`)
	plainLoad = lazyregexp.New(`^(?:\.{1,2}/.*|rake/.*|bundler(?:/(?:setup|gem_tasks|gem_helper|audit/task))?|rspec/core/rake_task|minitest/test_task|rubocop/rake_task|` +
		`standard/rake|yard(?:/rake/yardoc_task)?|rdoc/task|cucumber/rake/task|sinatra/activerecord(?:/rake)?|sequel(?:/.*)?|active_record|dotenv(?:/.*)?|` +
		`json|yaml|fileutils|erb|time|date|pathname|open3|logger|net/http|uri|set|securerandom|optparse|tempfile|digest(?:/.*)?|csv|rubygems|shellwords|benchmark)$`)
)

// loadsMore reports whether a file of tasks loads others than those that everybody knows to build no assets.
func loadsMore(text string) bool {
	for _, m := range loads().FindAllStringSubmatch(text, -1) {
		if m[1] == "" || !plainLoad().MatchString(m[1]) {
			return true
		}
	}
	return false
}
