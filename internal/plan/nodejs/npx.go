package nodejs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// runner gives the program behind npx and its like, without a version, and its arguments; ok is false for other commands.
func runner(args []string) (program string, rest []string, ok bool) {
	switch {
	case len(args) > 1 && slices.Contains([]string{"npx", "bunx", "pnpx"}, args[0]):
		rest = args[1:]
	case len(args) > 2 && slices.Contains([]string{"npm exec", "pnpm dlx", "yarn dlx"}, args[0]+" "+args[1]):
		rest = args[2:]
	}
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		if slices.Contains([]string{"-w", "--workspace", "-p", "--package", "--prefix", "-C"}, rest[0]) && len(rest) > 1 {
			rest = rest[1:]
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return "", nil, false
	}
	program = rest[0]
	if i := strings.LastIndex(program, "@"); i > 0 {
		program = program[:i]
	}
	return program, rest[1:], true
}

// serves reports whether a command has a server of files fetched for a folder, which Gantry serves without one.
func (p *Project) serves(args []string, dir string) bool {
	program, rest, ok := runner(args)
	return ok && slices.Contains([]string{"serve", "http-server", "sirv", "sirv-cli"}, program) && !p.installed(program) &&
		slices.ContainsFunc(rest, func(word string) bool { return path.Clean(word) == dir })
}

// fetchedAtStart warns when a process downloads a program at every start, since no package of the application has it.
func (p *Project) fetchedAtStart(processes []plan.Process, installed []plan.Package) (warnings []string) {
	for _, q := range processes {
		program, _, ok := runner(q.Args)
		if !ok || p.installed(program) {
			continue
		}
		names := packagesOf(program)
		if slices.ContainsFunc(installed, func(k plan.Package) bool { return slices.Contains(names, k.Name) }) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("Process %s runs %s, which is not among the packages: %s fetches it at every start, which takes the network and a file system "+
			"that can be written. Add it to dependencies in %s.", q.Type, program, q.Args[0], p.manifest.File))
	}
	return warnings
}
