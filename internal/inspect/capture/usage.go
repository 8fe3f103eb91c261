package capture

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// usageOf gives the lines of a command's usage, and those of the options that all commands have.
func usageOf(name string) string {
	lines := strings.SplitAfter(Usage, "\n")
	var text strings.Builder
	wanted := false
	for _, line := range lines {
		switch rest, command := strings.CutPrefix(line, "  gantry "); {
		case command:
			wanted = strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\n' })[0] == name || name == "threads" && strings.HasPrefix(rest, "stacks ")
		case strings.HasPrefix(line, "  --pid "):
			wanted = true
			text.WriteByte('\n')
		case !strings.HasPrefix(line, "   ") && !strings.HasPrefix(line, "  --"):
			wanted = false
		}
		if wanted {
			text.WriteString(line)
		}
	}
	return text.String()
}

// meant names the option that is likely meant, if one is near.
func meant(option string) string {
	var names []string
	for _, name := range options {
		names = append(names, strings.TrimLeft(name, "-"))
	}
	if near := problem.Nearest(strings.TrimLeft(option, "-"), names); near != "" {
		return "; did you mean --" + near + "?"
	}
	return ""
}
