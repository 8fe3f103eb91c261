package nodejs

import (
	"path"
	"slices"
	"strings"
)

// turboCall recognises a call of Turborepo that starts one workspace, of those that have the script: it would stay in between,
// and needs the whole repository in the image (https://turborepo.com/docs/reference/run).
func (p *Project) turboCall(args []string) (call scriptCall, ok bool) {
	args = args[1:]
	if len(args) > 0 && args[0] == "run" {
		args = args[1:]
	}
	var filters []string
	for len(args) > 0 {
		flag, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		switch {
		case flag == "--filter" || flag == "-F":
			if !joined {
				if len(args) == 0 {
					return call, false
				}
				value, args = args[0], args[1:]
			}
			filters = append(filters, strings.TrimPrefix(value, "./"))
		case joined && strings.HasPrefix(flag, "--") || slices.Contains([]string{"--parallel", "--continue", "--no-cache", "--force", "--no-daemon", "--only"}, flag):
			// How it is run, and not what.
		case strings.HasPrefix(flag, "-") || call.name != "":
			return call, false
		default:
			call.name = flag
		}
	}
	found := 0
	for _, m := range p.members {
		if m.Scripts[call.name] != "" && (len(filters) == 0 || slices.Contains(filters, m.Name) || slices.Contains(filters, m.dir)) {
			call.dir = path.Join(p.root, m.dir)
			found++
		}
	}
	return call, found == 1
}
