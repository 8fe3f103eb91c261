package capture

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// access is what a command needs of a process.
type access int

const (
	// fromOutside: it reads what the kernel shows.
	fromOutside access = iota
	// reading: it takes what the runtime tells, and changes nothing.
	reading
	// evaluating: it runs an expression in the application.
	evaluating
	// debugging: it lets a debugger in.
	debugging
)

// accesses has a row for each command; a logpoint whose expression changes nothing needs reading alone.
var accesses = map[string]access{
	"ps":                  fromOutside,
	"stacks":              reading,
	"threads":             reading,
	"profile cpu":         reading,
	"profile heap":        reading,
	"profile allocations": reading,
	"snapshot heap":       reading,
	"report-process":      reading,
	"memory":              reading,
	"lag":                 reading,
	"gc":                  reading,
	"logpoint":            reading,
	"console":             evaluating,
	"debug":               debugging,
}

// permit is the one check that every command passes: what the process was started with decides what may be taken from it.
//
//	                         | fromOutside | reading | evaluating | debugging
//	BPL_DIAGNOSTICS=off      | yes         | no      | no         | no
//	BPL_CONSOLE_ENABLED=true | yes         | yes     | yes        | yes
//	  not set                | yes         | yes     | no         | yes
//	  false                  | yes         | yes     | no         | no
func permit(p Process, need access) error {
	if need == fromOutside {
		return nil
	}
	if switchedOff(p.setting("BPL_DIAGNOSTICS")) {
		return &problem.Problem{
			ID:    "capture/diagnostics-off",
			Title: fmt.Sprintf("process %d cannot be looked into", p.PID),
			Why:   "it was started with BPL_DIAGNOSTICS=off",
			Hints: []string{"Remove that from the deployment where looking inside is wanted. `gantry ps`, `gantry doctor` and `gantry crash` work without it."},
		}
	}
	console := p.setting("BPL_CONSOLE_ENABLED")
	allowed, err := strconv.ParseBool(console)
	forbidden := err == nil && !allowed
	switch {
	case need == debugging && forbidden:
		return &problem.Problem{
			ID:    "capture/debugging-disabled",
			Title: "debugging is not allowed",
			Why:   fmt.Sprintf("process %d was started with BPL_CONSOLE_ENABLED=%s, and a debugger can evaluate anything", p.PID, console),
			Hints: []string{"Remove that from the deployment, or set it to true, where debugging the running application is wanted."},
		}
	case need == evaluating && !allowed:
		return &problem.Problem{
			ID:    "capture/console-disabled",
			Title: "the console is not enabled",
			Why:   fmt.Sprintf("process %d was started without BPL_CONSOLE_ENABLED=true", p.PID),
			Hints: []string{"Set it in the deployment where evaluating code in the running application is wanted."},
		}
	}
	return nil
}

// setting gives a variable BPL_… that the process was started with; some overwrite their own when they change their title,
// so that those of the processes which started them count, too.
func (p Process) setting(name string) string {
	for _, value := range p.inherited(name) {
		if value != "" {
			return value
		}
	}
	return ""
}

func switchedOff(value string) bool {
	on, err := strconv.ParseBool(value)
	return strings.EqualFold(value, "off") || err == nil && !on
}
