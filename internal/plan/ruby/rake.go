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

// runTask gives a command the words and the input with which it runs the task; where its existence is unknown, they note why it is not
// there.
func (p *Project) runTask(c plan.Command, known taskKnown) plan.Command {
	task := p.settings.AssetsTask
	switch {
	case task.IsSet():
		c.Args = append([]string{"bundle", "exec", "rake"}, strings.Fields(task.Value)...)
		return c
	case known == taskUnknown:
		c.Input = askRake + "Asked.first(<<'READS')\n" + reads + "READS\n"
	default:
		c.Input = askRake + "Asked.run\n"
	}
	c.Args = []string{"ruby", "-rbundler/setup", "-", task.Value}
	return c
}

// skipsAssets reports whether somebody has said that no assets are built.
func (p *Project) skipsAssets() bool { return p.settings.AssetsTask.Value == "none" }

// findTask reads what there is of the task assets:precompile: https://devcenter.heroku.com/articles/ruby-support-reference#rake-assets-precompile.
// own: the application's files mention it, so that it may read anything.
func (p *Project) findTask() (known taskKnown, own bool) {
	if p.skipsAssets() || !p.has("Rakefile") || !p.gems.Has("rake") && !p.rails() || p.precompiled() != "" && !p.settings.AssetsTask.IsSet() {
		return taskNone, false
	}
	unknown := false
	for _, name := range p.taskFiles() {
		text := strings.Join(gemfile.Statements(p.read(name)), "\n")
		own = own || mentionsTask().MatchString(text) || assetsNamespace().MatchString(text) && taskInside().MatchString(text)
		unknown = unknown || loadsMore(text)
	}
	gems := []string{"propshaft", "sprockets-rails", "sprockets", "vite_rails", "shakapacker", "webpacker"}
	switch {
	case own || p.settings.AssetsTask.IsSet():
		return taskLikely, true
	case p.rails() && slices.ContainsFunc(gems, p.gems.Has):
		return taskLikely, false
	case unknown && !p.rails():
		// Rails itself has none: it comes with these gems.
		return taskUnknown, false
	}
	return taskNone, false
}

// taskFiles are the application's files of tasks, as far as they are where everybody has them, or the Rakefile names them.
func (p *Project) taskFiles() []string {
	names := []string{"Rakefile"}
	for _, pattern := range []string{"rakelib/*.rake", "lib/tasks/*.rake", "lib/tasks/**/*.rake", "tasks/*.rake"} {
		// The pattern is right.
		found, _ := fs.Glob(p.app.FS, p.in(pattern))
		for _, name := range found {
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(name, p.dir), "/"))
		}
	}
	for _, m := range ownLoads().FindAllStringSubmatch(p.read("Rakefile"), -1) {
		for _, name := range []string{m[1], m[1] + ".rb"} {
			if name = path.Clean(name); p.has(name) && name != railsFile {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var (
	mentionsTask    = lazyregexp.New(`assets:precompile|\bViteRuby\.install_tasks\b`)
	assetsNamespace = lazyregexp.New(`(?m)^\s*namespace[\s(]+(?::assets\b|["']assets["'])`)
	taskInside      = lazyregexp.New(`(?m)^\s+(?:multi)?task[\s(]+(?::precompile\b|precompile:|["']precompile["'])`)
	ownLoads        = lazyregexp.New(`(?m)^\s*(?:require_relative|require|load|import)[\s(]+["'](\.{0,2}/?[\w./-]+)["']`)
	// loads are lines by which a Rakefile may come to tasks that do not stand in it.
	loads     = lazyregexp.New(`(?m)\bload_tasks\b|\binstall_tasks\b|^\s*(?:import|load)\b|\bDir(?:\.glob|\[)|^\s*(?:require|Bundler\.require)\b[\s(]*["']?([\w./-]*)`)
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
