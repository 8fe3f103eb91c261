package launch

import (
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/variables"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Check is what happens around a process's start: Run before it, Remark once it has started.
type Check struct {
	Image Image
	// Process is the process type, and Args what it starts: a program and its arguments.
	Process string
	Args    []string
	Environ []string
	// Machine answers questions about limits and clocks.
	Machine Machine
	// Log receives what people read.
	Log io.Writer
	// Termination is the file for Kubernetes, terminationLog but for tests.
	Termination string
	// Layer is the folder of the program's layer.
	Layer string
	// Looks are when its ports are looked at, from its start.
	Looks []time.Duration
}

// Refused is the exit code of a process that the check keeps from starting: the one that the lifecycle's launcher has for
// a start that failed.
const Refused = 82

// Run checks the contract and sizes the runtime. It gives the variables that are set for the process, and whether that may
// start.
func (c Check) Run() (set map[string]string, ok bool) {
	env := environment(c.Environ)
	set = map[string]string{}
	understood, notes, err := variables.Read(env.Values)
	if err != nil {
		text := fmt.Sprintf("gantry: %v\ngantry: process %s does not start\n", err, c.Process)
		_, _ = io.WriteString(c.Log, text)
		terminate(c.Termination, text)
		return nil, false
	}
	c.warn(notes)
	for name, value := range understood {
		if value != env.Values[name] {
			set[name], env.Values[name] = value, value
		}
	}
	if !c.Image.Contract.Empty() {
		// Defaults, older names, files and bindings are the environment, whether it is judged or not.
		maps.Copy(set, c.Image.Contract.Resolve(c.Process, env).Set)
		if !c.judge(env) {
			return nil, false
		}
	}
	for name, value := range set {
		env.Values[name] = value
	}
	missing, err := c.libraries(env.Values)
	if err != nil {
		return nil, c.refuse(err)
	}
	if missing != "" {
		_, _ = io.WriteString(c.Log, missing)
		terminate(c.Termination, missing)
		return nil, false
	}
	sized, warnings := c.size(c.Machine.room(), env.Values)
	maps.Copy(set, sized)
	c.warn(warnings)
	return set, true
}

// judge compares the environment with the contract, as BPL_CONFIG_CHECK says, and reports whether the process may start.
func (c Check) judge(env contract.Environment) bool {
	mode := env.Values["BPL_CONFIG_CHECK"]
	if mode == "off" {
		return true
	}
	problems, warnings := split(c.Image.Contract.Check(c.Process, env).Findings)
	if len(warnings) > 0 {
		_, _ = fmt.Fprintf(c.Log, "gantry: about the configuration of process %s\n\n%s\n", c.Process, describe(warnings))
	}
	switch {
	case len(problems) == 0:
		return true
	case mode == "warn":
		_, _ = fmt.Fprintf(c.Log, "gantry: the configuration is not complete; process %s starts anyway (BPL_CONFIG_CHECK=warn)\n\n%s\n", c.Process, describe(problems))
		return true
	}
	text := fmt.Sprintf("gantry: the configuration is not complete; process %s does not start\n\n%s\n  %s. Set BPL_CONFIG_CHECK=warn to start anyway.\n",
		c.Process, describe(problems), problem.Count(len(problems), "problem"))
	_, _ = io.WriteString(c.Log, text)
	terminate(c.Termination, text)
	return false
}

// Remark looks at what is worth a warning and keeps nothing from starting: so no start waits for it.
func (c Check) Remark() {
	values, facts := Variables(c.Environ), c.Machine.Facts()
	c.warn(facts.Warnings(values))
	if values["BPL_LAUNCH_FACTS"] == "true" {
		_, _ = fmt.Fprintf(c.Log, "%s\n", facts.JSON(c.Process, c.Image))
	}
}

func (c Check) warn(warnings []string) {
	for _, warning := range warnings {
		_, _ = fmt.Fprintf(c.Log, "gantry: %s\n", problem.Visible(warning))
	}
}

func (c Check) refuse(err error) (ok bool) {
	_, _ = fmt.Fprintf(c.Log, "gantry: %v\n", err)
	return false
}
