package launch

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ExecDName is where this program stands in its layer under another name: the launcher runs what is in exec.d before each process, and
// sets what it prints: https://github.com/buildpacks/spec/blob/main/buildpack.md#execd.
const ExecDName = "exec.d/environment"

// ExecDOutput is the file descriptor that the launcher reads.
const ExecDOutput = 3

// IsExecD reports whether the program was started under that name.
func IsExecD(program string) bool { return strings.HasSuffix(program, "/"+ExecDName) }

// ExecD gives a custom command ("launcher -- node migrate.js") the environment that a process type has: defaults, and what older names, files and
// bindings lead to. A process type gets it from Init, with what concerns it alone.
func ExecD(out io.Writer, environ []string, stderr io.Writer) int {
	if isProcess(os.Getppid()) {
		return 0
	}
	program, err := os.Executable()
	var image Image
	if err == nil {
		image, err = ReadImage(program)
	}
	if err != nil {
		return withoutSetting(stderr, err)
	}
	set := image.Contract.Resolve("", environment(environ)).Set
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !utf8.ValidString(set[name]) {
			_, _ = fmt.Fprintf(stderr, "gantry: %s is not set for this command: its value is not UTF-8\n", problem.Visible(name))
			continue
		}
		fmt.Fprintf(&text, "%s = %s\n", name, contract.QuoteTOML(set[name]))
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return withoutSetting(stderr, err)
	}
	return 0
}

// withoutSetting says why a command starts with the variables of the container alone. Another exit code would keep it from starting, and it may
// be a shell in which somebody looks for that very fault.
func withoutSetting(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintf(stderr, "gantry: no defaults, older names, files or bindings are set for this command: %s\n", problem.Visible(err.Error()))
	return 0
}

// isProcess reports whether the launcher, whose number is given, starts a process type: it is called by its name then.
func isProcess(launcher int) bool {
	words, err := os.ReadFile("/proc/" + strconv.Itoa(launcher) + "/cmdline")
	name, _, _ := strings.Cut(string(words), "\x00")
	return err == nil && filepath.Base(name) != "launcher"
}
