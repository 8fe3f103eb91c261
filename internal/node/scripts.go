package node

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// scriptCall is a call of a package manager, or of Turborepo, that does nothing but run a script.
type scriptCall struct {
	// name is the script's, dir the folder of its package.json, rest are the arguments that it is given.
	name, dir string
	rest      []string
}

// scriptCall recognises such a call, made in a folder.
func (p *Project) scriptCall(args []string, dir string) (call scriptCall, ok bool) {
	if len(args) > 1 && args[0] == "turbo" {
		return p.turboCall(args)
	}
	if len(args) < 2 || !slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, args[0]) {
		return call, false
	}
	manager, args := args[0], args[1:]
	call.dir = dir
	workspace := func(name string) bool {
		for _, m := range p.members {
			if m.Name == name || m.dir == path.Clean(name) {
				call.dir = path.Join(p.root, m.dir)
				return true
			}
		}
		return false
	}
	for len(args) > 1 {
		flag, value, joined := strings.Cut(args[0], "=")
		width := 2
		if joined {
			width = 1
		} else {
			value = args[1]
		}
		switch {
		case flag == "--silent" || flag == "-s":
			args = args[1:]
			continue
		case manager == "npm" && (flag == "-w" || flag == "--workspace"), manager == "pnpm" && (flag == "--filter" || flag == "-F"),
			manager == "yarn" && flag == "workspace":
			if !workspace(value) {
				return call, false
			}
		case manager == "npm" && flag == "--prefix", manager == "pnpm" && (flag == "-C" || flag == "--dir"), manager == "yarn" && flag == "--cwd", manager == "bun" && flag == "--cwd":
			call.dir = path.Join(dir, value)
			if !workspace(strings.TrimPrefix(strings.TrimPrefix(call.dir, p.root), "/")) {
				return call, false
			}
		default:
			width = 0
		}
		if width == 0 {
			break
		}
		args = args[width:]
	}
	call.name, call.rest, ok = scriptName(manager, args, p.manifestOf(call.dir))
	if !ok {
		return call, false
	}
	// "npm run build -w web" names the workspace behind the script.
	if manager == "npm" && len(call.rest) > 0 {
		flag, value, joined := strings.Cut(call.rest[0], "=")
		switch {
		case flag != "-w" && flag != "--workspace":
		case joined && workspace(value):
			call.rest = call.rest[1:]
		case len(call.rest) > 1 && workspace(call.rest[1]):
			call.rest = call.rest[2:]
		default:
			return call, false
		}
	}
	switch {
	case len(call.rest) == 0:
		return call, true
	case call.rest[0] == "--" && manager != "pnpm" && manager != "bun":
		call.rest = call.rest[1:]
		return call, true
	default:
		// npm takes words and options without "--" itself in ways that differ between its versions; the others pass them on.
		return call, manager != "npm"
	}
}

// scriptName finds the script in the words behind a package manager and its options.
func scriptName(manager string, args []string, m manifest) (name string, rest []string, ok bool) {
	switch {
	case len(args) > 1 && (args[0] == "run" || args[0] == "run-script"):
		name, rest = args[1], args[2:]
	case len(args) > 0 && args[0] == "start":
		name, rest = "start", args[1:]
	case len(args) > 0 && manager != "npm" && m.Scripts[args[0]] != "":
		// Yarn, pnpm and Bun run a script by its name alone.
		name, rest = args[0], args[1:]
	default:
		return "", nil, false
	}
	return name, rest, !strings.HasPrefix(name, "-")
}

// runsBefore reports whether the manager runs "prestart" before "start": Yarn 2 and later do not, nor did pnpm before 9
// (https://github.com/pnpm/pnpm/releases/tag/v9.0.0).
func (m manager) runsBefore() bool {
	switch m.name {
	case "yarn":
		return !m.berry
	case "pnpm":
		major, _, _ := strings.Cut(strings.TrimLeft(cmp.Or(m.asked.text, m.usual()), "^~=v"), ".")
		return !slices.Contains([]string{"6", "7", "8"}, major)
	default:
		return true
	}
}
