package launch

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Check is what happens before a process starts: https://github.com/buildpacks/spec/blob/main/buildpack.md#execd.
type Check struct {
	Image Image
	// Process is the process type.
	Process string
	Environ []string
	// Machine answers questions about limits and clocks.
	Machine Machine
	// Variables receives what is set for the process, as TOML (file descriptor 3); Log what people read.
	Variables, Log io.Writer
	// Termination is the file for Kubernetes, terminationLog but for tests.
	Termination string
	// Layer is the folder of the program's layer.
	Layer string
}

// refused is the exit code of a check that keeps the process from starting; the launcher makes 82 of it.
const refused = 1

// ExecD runs as exec.d/TYPE/gantry.
func ExecD(program string, environ []string, variables, log io.Writer) int {
	image, err := ReadImage(program)
	if err != nil {
		return fail(log, refused, err)
	}
	c := Check{
		Image: image, Process: filepath.Base(filepath.Dir(program)), Environ: environ, Machine: Host(), Variables: variables, Log: log,
		Termination: terminationLog, Layer: layerOf(program),
	}
	return c.Run()
}

// Run checks the contract and sizes the runtime. The exit code is 0 when the process may start.
func (c Check) Run() int {
	env := environment(c.Environ)
	mode := env.Values["BPL_CONFIG_CHECK"]
	set := map[string]string{}
	if mode != "off" && !c.Image.Contract.Empty() {
		result := c.Image.Contract.Check(c.Process, env)
		maps.Copy(set, result.Set)
		problems, warnings := split(result.Findings)
		if len(warnings) > 0 {
			_, _ = fmt.Fprintf(c.Log, "gantry: the configuration of process %s uses old names\n\n%s\n", c.Process, describe(warnings))
		}
		if len(problems) > 0 && mode == "warn" {
			_, _ = fmt.Fprintf(c.Log, "gantry: the configuration is not complete; process %s starts all the same (BPL_CONFIG_CHECK=warn)\n\n%s\n",
				c.Process, describe(problems))
		} else if len(problems) > 0 {
			text := fmt.Sprintf("gantry: the configuration is not complete; process %s does not start\n\n%s\n  %s. Set BPL_CONFIG_CHECK=warn to start all the same.\n",
				c.Process, describe(problems), count(len(problems), "problem"))
			_, _ = io.WriteString(c.Log, text)
			terminate(c.Termination, text)
			return refused
		}
	}
	for name, value := range set {
		env.Values[name] = value
	}
	missing, err := c.libraries(env.Values)
	if err != nil {
		return fail(c.Log, refused, err)
	}
	if missing != "" {
		_, _ = io.WriteString(c.Log, missing)
		terminate(c.Termination, missing)
		return refused
	}
	facts := c.Machine.Facts()
	sized, warnings, err := c.size(facts, env.Values)
	if err != nil {
		return fail(c.Log, refused, err)
	}
	maps.Copy(set, sized)
	maps.Copy(env.Values, sized)
	for _, warning := range append(warnings, facts.Warnings(env.Values)...) {
		_, _ = fmt.Fprintf(c.Log, "gantry: %s\n", warning)
	}
	if env.Values["BPL_LAUNCH_FACTS"] == "true" {
		_, _ = fmt.Fprintf(c.Log, "%s\n", facts.JSON(c.Process, c.Image))
	}
	if err := writeTOML(c.Variables, set); err != nil {
		return fail(c.Log, refused, err)
	}
	return 0
}

// writeTOML writes variables as a table of strings, https://toml.io/en/v1.0.0#string. The names of variables are bare keys:
// a contract allows no other.
func writeTOML(out io.Writer, set map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quoteTOML(set[name]))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func quoteTOML(value string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
