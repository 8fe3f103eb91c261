package ruby

import (
	_ "embed" // for the programs in Ruby

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// record and prove evaluate the Gemfile when its gems are installed.
//
//go:embed record.rb
var record string

//go:embed prove.rb
var prove string

// evaluation runs the Gemfile, which is a program, once more: what it looks at decides about the gems, too.
func (p *Project) evaluation(arch string) *plan.Evaluation {
	run := func(title string, words ...string) plan.Command {
		return plan.Command{Title: title, Args: append([]string{"ruby"}, words...), Dir: p.dir}
	}
	e := plan.Evaluation{
		Of:     "the " + p.files.gemfile,
		Record: run("evaluate "+p.files.gemfile, plan.ScratchDir+"/record.rb", plan.ScratchDir+"/"+plan.RecordFile),
		Prove:  run("load the gems as the application will", plan.ScratchDir+"/prove.rb"),
		Files:  map[string]string{"record.rb": reads + record, "prove.rb": prove},
	}
	e.Record.Failures = p.installFailures(arch)
	e.Prove.Env = map[string]string{"BUNDLE_RETRY": "0"}
	e.Prove.Failures = loadFailures(p.in(p.files.gemfile), p.in(p.files.lock), platforms[arch])
	return &e
}
