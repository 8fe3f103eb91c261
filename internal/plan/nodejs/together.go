package nodejs

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// startedTogether gives the workspaces that the root's start script starts all at once with a task runner. A container runs one
// application, and gives it one PORT. Where a Procfile says what web is, that is what people want.
func (p *Project) startedTogether() (dirs []string) {
	if slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" }) {
		return nil
	}
	c := shell.Parse(p.manifest.Scripts["start"])
	_, args := p.withoutWrappers(c.Env, c.Args)
	if i := slices.Index(args, "--"); i > 0 && slices.Contains(settingVariables, args[0]) {
		// They set variables for the command behind it.
		args = args[i+1:]
	}
	script, chosen, excluded := inAll(args)
	if script == "" {
		return nil
	}
	for _, m := range p.members {
		named := func(list []string) bool {
			return slices.Contains(list, m.Name) || slices.Contains(list, m.dir) || slices.Contains(list, path.Base(m.dir))
		}
		if text := m.Scripts[script]; text != "" && !startsNothing(text) && (len(chosen) == 0 || named(chosen)) && !named(excluded) {
			dirs = append(dirs, path.Join(p.root, m.dir))
		}
	}
	if len(dirs) == 1 && args[0] == "turbo" {
		// Turborepo's own rules about it are known where commands are taken apart.
		return nil
	}
	return dirs
}

// inAll recognises a command that runs a script in all workspaces, in those that it names, or in all but some.
func inAll(args []string) (script string, chosen, excluded []string) {
	var words []string
	all := len(args) > 0 && slices.Contains([]string{"turbo", "lerna", "nx"}, args[0])
	for i := 1; i < len(args); i++ {
		flag, value, joined := strings.Cut(args[i], "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch {
		case slices.Contains([]string{"-r", "--recursive", "-ws", "--workspaces"}, flag):
			all = true
		case slices.Contains([]string{"--filter", "-F", "--scope", "--projects", "-p", "-t", "--target", "--targets", "--exclude", "--ignore"}, flag):
			without, negated := strings.CutPrefix(value, "!")
			names := strings.Split(strings.TrimPrefix(without, "./"), ",")
			switch {
			case strings.HasPrefix(flag, "-t") || strings.HasPrefix(flag, "--target"):
				words = append(words, value)
			case negated || flag == "--exclude" || flag == "--ignore":
				excluded = append(excluded, names...)
			default:
				chosen = append(chosen, names...)
			}
			if !joined {
				i++
			}
		case strings.HasPrefix(args[i], "-"):
		default:
			words = append(words, args[i])
		}
	}
	if len(args) > 2 && args[0] == "yarn" && args[1] == "workspaces" {
		all, words = true, slices.DeleteFunc(words, func(word string) bool { return word == "workspaces" || word == "foreach" })
	}
	words = slices.DeleteFunc(words, func(word string) bool { return word == "run" || word == "run-script" || word == "run-many" })
	if !all || len(words) != 1 {
		return "", nil, nil
	}
	return words[0], chosen, excluded
}

func (p *Project) severalAtOnce(dirs []string) error {
	script := p.manifest.Scripts["start"]
	return &problem.Problem{
		ID:    "node/several-apps",
		Title: "the start script at the root starts several applications",
		Where: p.manifest.Where("scripts", "start"),
		Why:   script + " starts " + strings.Join(dirs, ", ") + "; a container runs one application, and gives it one PORT",
		Hints: []string{
			"Choose one for this image: BP_NODE_PROJECT_PATH=" + dirs[0] + ", or app = \"" + dirs[0] + "\" in [dev.gantry] of project.toml.",
			"For an image with a process type for each, name them all; the first is web: app = \"" + strings.Join(dirs, ",") + "\".",
			"To run all of them in one container, write a Procfile: web: " + script,
		},
	}
}
