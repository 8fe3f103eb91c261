package nodejs

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// scriptCall is a call of a package manager, of Turborepo or of Node.js that does nothing but run a script.
type scriptCall struct {
	// name is the script's, dir the folder of its package.json, rest are the arguments that it is given.
	name, dir string
	rest      []string
	// alone: the scripts before and after it are not run.
	alone bool
}

// scriptCall recognises such a call, made in a folder.
func (p *Project) scriptCall(args []string, dir string) (call scriptCall, ok bool) {
	if len(args) > 1 && args[0] == "turbo" {
		return p.turboCall(args)
	}
	if len(args) > 2 && args[0] == "node" && args[1] == "--run" {
		// https://nodejs.org/api/cli.html#--run
		_, call.dir = p.packageAt(dir)
		call.name, call.rest, call.alone = args[2], args[3:], true
		ok = len(call.rest) == 0 || call.rest[0] == "--"
		if len(call.rest) > 0 {
			call.rest = call.rest[1:]
		}
		return call, ok
	}
	if len(args) < 2 || !slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, args[0]) {
		return call, false
	}
	manager, args := args[0], args[1:]
	call.dir = dir
	for len(args) > 1 {
		width, known := p.option(manager, args, &call)
		if !known {
			return call, false
		}
		if width == 0 {
			break
		}
		args = args[width:]
	}
	var m packagejson.Manifest
	m, call.dir = p.packageAt(call.dir)
	call.name, call.rest, ok = scriptName(manager, args, m)
	if !ok {
		return call, false
	}
	// "npm run build -w web" names the workspace behind the script.
	for manager == "npm" && len(call.rest) > 0 {
		width, known := p.option(manager, call.rest, &call)
		if !known {
			return call, false
		}
		if width == 0 {
			break
		}
		call.rest = call.rest[width:]
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

// option takes an option of a package manager that chooses the folder of the script, or changes nothing about it: width is how
// many words it has, 0 where there is none; known is false for a folder that has no package.json.
func (p *Project) option(manager string, args []string, call *scriptCall) (width int, known bool) {
	flag, value, joined := strings.Cut(args[0], "=")
	width = 1
	if !joined {
		if len(args) > 1 {
			value = args[1]
		}
		width = 2
	}
	switch {
	case flag == "--silent" || flag == "-s":
		return 1, true
	case manager == "npm" && (flag == "-w" || flag == "--workspace"), manager == "pnpm" && (flag == "--filter" || flag == "-F"), manager == "yarn" && flag == "workspace":
		for _, m := range p.members {
			if m.Name == value || m.dir == path.Clean(value) {
				call.dir = path.Join(p.root, m.dir)
				return width, width <= len(args)
			}
		}
		return 0, false
	case manager == "npm" && flag == "--prefix", manager == "pnpm" && (flag == "-C" || flag == "--dir"), manager == "yarn" && flag == "--cwd", manager == "bun" && flag == "--cwd":
		call.dir = path.Join(call.dir, value)
		return width, width <= len(args) && filepath.IsLocal(value) && p.app.Has(path.Join(call.dir, packagejson.Name))
	}
	return 0, true
}

// scriptName finds the script in the words behind a package manager and its options.
func scriptName(manager string, args []string, m packagejson.Manifest) (name string, rest []string, ok bool) {
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
