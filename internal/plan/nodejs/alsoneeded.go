package nodejs

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// startNeeds is a set of development dependencies that grows: names that are no such dependencies are left out.
type startNeeds struct {
	p    *Project
	list []string
	// configs are the files in the place of tsconfig.json that commands name.
	configs []string
	// programs are the packages of development that bring programs, by these; nil until it is needed.
	programs map[string]string
}

func (n *startNeeds) add(names ...string) {
	for _, name := range names {
		found, atLaunch := n.p.manifest.Uses(name)
		if !found && n.p.selected() {
			// Package managers that hoist let a workspace use what the root depends on.
			found = n.p.top.Has(name)
		}
		if name != "" && found && !atLaunch && !slices.Contains(n.list, name) {
			n.list = append(n.list, name)
		}
	}
}

// addWord adds the package that a word of a command needs: the one that brings a program, or one that Node.js is told to load
// ("--import tsx", "-r ts-node/register").
func (n *startNeeds) addWord(word string, program bool) {
	if option, is := strings.CutPrefix(word, "NODE_OPTIONS="); is {
		word, program = option, false
	}
	n.add(loaded(word))
	if program {
		n.add(packagesOf(word)...)
		n.add(n.bringing(word))
	}
}

// bringing gives the development dependency that brings a program, where the lockfile tells it.
func (n *startNeeds) bringing(program string) string {
	p := n.p
	if strings.Contains(program, "/") || strings.HasPrefix(program, "-") || len(p.development()) == 0 || p.manager.Lockfile == "" {
		return ""
	}
	if n.programs == nil {
		text := p.manager.Text
		if p.manager.Name == "npm" {
			// What cannot be read is an error where packages are listed.
			text, _, _ = p.app.Read(path.Join(p.root, p.manager.Lockfile))
		}
		n.programs = lockfile.Programs(p.manager.Lockfile, text, func(pkg string) bool { return slices.Contains(p.development(), pkg) })
		if n.programs == nil {
			n.programs = map[string]string{}
		}
	}
	return n.programs[program]
}

// also are the development dependencies that a process is started with: without them it could not start. all names a process
// for which these are all of them.
func (p *Project) also(processes []plan.Process) (list []string, all string) {
	n := &startNeeds{p: p}
	if options, _ := p.npmrc("node-options"); p.manager.Name == "npm" {
		for word := range strings.FieldsSeq(strings.Join(options, " ")) {
			n.addWord(word, false)
		}
	}
	for _, q := range processes {
		n.add(p.importedAtStart(q)...)
		packages, words := p.imports(q)
		n.add(packages...)
		for _, word := range words {
			n.addWord(word, true)
		}
		for word := range strings.FieldsSeq(q.Env["NODE_OPTIONS"]) {
			n.addWord(word, false)
		}
		n.configs = append(n.configs, p.namedConfigs(q)...)
		text := p.commandText(q)
		if text == "" {
			for i, word := range q.Args {
				n.addWord(word, i == 0)
			}
			continue
		}
		scripts, before := map[string]bool{}, len(n.list)
		for _, word := range p.shellWords(text, scripts) {
			n.addWord(word, true)
		}
		if len(scripts) > 0 && len(n.list) > before {
			// A step of the build at the start: its tools need others that no command names.
			all = q.Type
			n.add(p.development()...)
		}
	}
	for i := 0; i < len(n.list); i++ {
		p.addCompanions(n, n.list[i])
	}
	slices.Sort(n.list)
	return n.list, all
}

// namedConfigs are the files that a process names for the compiler: https://tsx.is/dev-api/node-cli, https://typestrong.org/ts-node/docs/options.
func (p *Project) namedConfigs(q plan.Process) (files []string) {
	words := append(slices.Clone(q.Args), shell.Fields(p.shellText(q))...)
	for i, word := range words {
		flag, value, joined := strings.Cut(word, "=")
		if !joined && i+1 < len(words) {
			value = words[i+1]
		}
		if slices.Contains([]string{"--tsconfig", "--project", "-P"}, flag) && value != "" {
			files = append(files, path.Join(q.Dir, value))
		}
	}
	for _, name := range []string{"TS_NODE_PROJECT", "TSX_TSCONFIG_PATH"} {
		if value := q.Env[name]; value != "" {
			files = append(files, path.Join(q.Dir, value))
		}
	}
	return files
}

// scriptRunners are programs that run scripts of package.json, and with which package manager; empty: the application's.
var scriptRunners = map[string]string{
	"npm-run-all": "npm", "npm-run-all2": "npm", "run-p": "npm", "run-s": "npm", "nps": "npm", "turbo": "", "nx": "", "lerna": "", "wireit": "", "wsrun": "",
}

// runsText reports whether a program takes commands as arguments, "npm:start:*" among them, or run scripts by their names.
func runsText(program string) bool {
	_, scripts := scriptRunners[program]
	return scripts || slices.Contains(settingVariables, program) || slices.Contains([]string{"cross-env-shell", "concurrently", "conc", "npm", "yarn", "pnpm", "bun", "nodemon", "zx"}, program)
}

// commandText is all that a process has a shell do, and what it hands to a program that runs commands or scripts; empty for
// others.
func (p *Project) commandText(q plan.Process) string {
	if text := p.shellText(q); text != "" || len(q.Args) < 2 || !runsText(q.Args[0]) {
		return text
	}
	return strings.Join(q.Args, " ")
}

// shellWords gives the words of a shell's script, and of the scripts in package.json that are named in it.
func (p *Project) shellWords(text string, seen map[string]bool) []string {
	var list []string
	for _, word := range shell.Fields(text) {
		list = append(list, word)
		if manager, name, is := strings.Cut(word, ":"); is && slices.Contains([]string{"npm", "yarn", "pnpm", "bun", "node"}, manager) {
			// concurrently's short form: https://github.com/open-cli-tools/concurrently#usage.
			list, word = append(list, manager), name
		}
		for name, script := range p.manifest.Scripts {
			if !seen[name] && namesScript(word, name) {
				seen[name] = true
				list = append(list, p.shellWords(script, seen)...)
			}
		}
	}
	return list
}

// namesScript reports whether a word is a script's name, or a pattern for it: "start:*".
func namesScript(word, name string) bool {
	if word == name {
		return true
	}
	before, after, is := strings.Cut(word, "*")
	after = strings.TrimLeft(after, "*")
	return is && before != "" && len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// programs maps commands to the packages that they may come in, where the names differ.
var programs = map[string][]string{
	"nest": {"@nestjs/cli"}, "remix-serve": {"@remix-run/serve"}, "react-router-serve": {"@react-router/serve"}, "dotenv": {"dotenv-cli"},
	"tsc": {"typescript"}, "babel-node": {"@babel/node"}, "nuxi": {"nuxt", "nuxi"}, "swc-node": {"@swc-node/register"}, "swc": {"@swc/cli"},
	"ts-node-esm": {"ts-node"}, "ts-node-transpile-only": {"ts-node"}, "ts-node-script": {"ts-node"}, "ts-node-cwd": {"ts-node"}, "tsnd": {"ts-node-dev"},
	"cross-env-shell": {"cross-env"}, "pm2-runtime": {"pm2"}, "sequelize": {"sequelize-cli"}, "fastify": {"fastify-cli"}, "dotenvx": {"@dotenvx/dotenvx"},
	"mikro-orm": {"@mikro-orm/cli"}, "mikro-orm-esm": {"@mikro-orm/cli"}, "coffee": {"coffeescript", "coffee-script"}, "strapi": {"@strapi/strapi"}, "ng": {"@angular/cli"},
	"typeorm-ts-node-commonjs": {"typeorm"}, "typeorm-ts-node-esm": {"typeorm"}, "medusa": {"@medusajs/cli", "@medusajs/medusa-cli"}, "keystone": {"@keystone-6/core"},
	"run-p": {"npm-run-all", "npm-run-all2"}, "run-s": {"npm-run-all", "npm-run-all2"}, "npm-run-all": {"npm-run-all2"}, "conc": {"concurrently"},
	"sls": {"serverless"}, "firebase": {"firebase-tools"}, "rw": {"@redwoodjs/cli"}, "mesh": {"@graphql-mesh/cli"}, "apollo": {"@apollo/server"},
}

// packagesOf gives the packages in which a program may come.
func packagesOf(program string) []string { return append(slices.Clone(programs[program]), program) }

// loaded gives the package that a word of a command names, alone or as an option's value; empty for files and options.
func loaded(word string) string {
	for _, option := range []string{"--import=", "--require=", "--loader=", "--experimental-loader=", "-r="} {
		word = strings.TrimPrefix(word, option)
	}
	if strings.HasPrefix(word, ".") || strings.HasPrefix(word, "-") || strings.HasPrefix(word, "/") {
		return ""
	}
	parts := strings.SplitN(word, "/", 3)
	if strings.HasPrefix(word, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}
