// Package resolve decides everything about an application before anything is done: it recognises the language, makes the
// plan, and reads the config contract. Detection, the build and "gantry explain" all ask here, so that they cannot differ.
package resolve

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/ruby"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
	"github.com/gantry-buildpack/gantry/internal/source/secretfiles"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
	"github.com/gantry-buildpack/gantry/internal/source/writes"
)

// Target is what an image runs on.
type Target struct {
	// Arch is an architecture as Go names it, Libc a C library as npm names it: "glibc" or "musl".
	Arch, Libc string
	// HasLibrary reports whether the build image has a shared library; nil: it has all.
	HasLibrary func(name string) bool
	// Published gives the versions of a package in an npm registry, an address; nil: none can be asked.
	Published func(registry, name string) ([]string, error)
}

// Given are the variables of a build.
type Given struct {
	// Lookup finds one, of those that the platform gives or of the build's own environment.
	Lookup func(string) (string, bool)
	// Variables are those that the platform gives.
	Variables map[string]string
}

// Resolved is all that is decided.
type Resolved struct {
	plan.Plan
	Contract contract.Contract
	// Unbuildable are the variables of the build phase that are missing or wrong in the build's environment.
	Unbuildable []contract.Finding
}

// ErrNotRecognized is what Recognize returns, wrapped in a problem, for a source tree that is for no language.
var ErrNotRecognized = errors.New("no language recognises the application")

// Application is one that a language has recognised.
type Application struct {
	project  Project
	source   app.App
	settings settings.Settings
	defaults Defaults
	lookup   func(string) (string, bool)
}

// Provides are the names under which other buildpacks may require what is installed for it.
func (a Application) Provides() []string { return a.project.Provides() }

// Resolver knows languages; the first that recognises an application builds it.
type Resolver struct {
	Languages []Language
	Defaults
}

// Default knows all languages of Gantry.
var Default = Resolver{Languages: []Language{rubyLanguage{}, nodeLanguage{}, staticLanguage{}}}

// Recognize reads the settings, and finds the language. lookup finds a variable of the build.
func Recognize(source app.App, lookup func(string) (string, bool)) (Application, error) {
	return Default.Recognize(source, lookup)
}

// Plan decides all about an application for a target.
func Plan(source app.App, given Given, target Target, now time.Time) (Resolved, error) {
	return Default.Plan(source, given, target, now)
}

// Recognize reads the settings, and finds the language.
func (r Resolver) Recognize(source app.App, lookup func(string) (string, bool)) (Application, error) {
	chosen, err := r.Build.Read(source, lookup)
	if err != nil {
		return Application{}, withContract(source, chosen, err)
	}
	if err := withoutConflicts(source, chosen); err != nil {
		return Application{}, err
	}
	for _, l := range r.Languages {
		project, err := l.Read(source, chosen)
		if err != nil {
			return Application{}, err
		}
		if project != nil {
			return Application{project, source, chosen, r.Defaults, lookup}, nil
		}
	}
	return Application{}, notRecognized(source, r.Languages)
}

// withContract adds the mistakes of the config contract to those of the settings: all of project.toml are told at once.
func withContract(source app.App, s settings.Settings, err error) error {
	_, wrong := declare.Read(source, s.Descriptor)
	if wrong == nil || s.Descriptor.Values == nil {
		return err
	}
	all := slices.Concat(problem.As(err).Each(), problem.As(wrong).Each())
	slices.SortStableFunc(all, func(a, b *problem.Problem) int { return a.Where.Line - b.Where.Line })
	return problem.All(projecttoml.File, all)
}

func notRecognized(source app.App, languages []Language) error {
	hint := "Name the application's folder; if it is one of several in a repository, set BP_NODE_PROJECT_PATH."
	if there := elsewhere(source, languages); len(there) > 0 {
		hint = "Name the application's folder; for one of " + strings.Join(there, ", ") + ", set BP_NODE_PROJECT_PATH=" + there[0] + "."
	}
	var files []string
	for _, l := range languages {
		files = append(files, l.LookedFor()...)
	}
	return &problem.Problem{
		ID:    "app/unknown",
		Title: "Gantry does not recognise this application",
		Why:   "its folder contains none of " + strings.Join(files, ", "),
		Hints: []string{hint},
		Err:   ErrNotRecognized,
	}
}

// Plan decides all about an application for a target.
func (r Resolver) Plan(source app.App, given Given, target Target, now time.Time) (Resolved, error) {
	a, err := r.Recognize(source, given.Lookup)
	if err != nil {
		return Resolved{}, err
	}
	return a.plan(given, target, now)
}

func (a Application) plan(given Given, target Target, now time.Time) (Resolved, error) {
	releases, err := inventory.For(target.Arch, target.Libc, a.defaults.Dependencies)
	if err != nil {
		return Resolved{}, err
	}
	releases.HasLibrary, releases.Published = target.HasLibrary, target.Published
	p, err := a.project.Plan(releases)
	if err != nil {
		return Resolved{}, err
	}
	system, notes, err := a.system()
	if err != nil {
		return Resolved{}, err
	}
	p.System, p.Decisions, p.Warnings = system, append(p.Decisions, notes.Decisions...), append(p.Warnings, notes.Warnings...)
	if p, err = a.withConventions(p, given.Variables); err != nil {
		return Resolved{}, err
	}
	p = a.withoutSecretFiles(p)
	p.Build.Reuse = a.reuse()
	declared, err := declare.Read(a.source, a.settings.Descriptor)
	if err != nil {
		return Resolved{}, err
	}
	declared = withNeeds(declared, p.Image.Needs)
	if err := declare.Processes(declared, a.settings.Descriptor, types(p.Image.Processes)); err != nil {
		return Resolved{}, err
	}
	declared.BuiltWith = declared.Built(a.lookup)
	unbuildable := declared.CheckBuild(a.lookup)
	if warning := releases.Age(now); warning != "" {
		p.Warnings = append(p.Warnings, warning)
	}
	for _, t := range p.Toolchains {
		if warning := t.Runtime.EndOfLife(now); warning != "" {
			p.Warnings = append(p.Warnings, warning)
		}
	}
	p.Image.Processes = a.reloading(p.Image.Processes)
	if p, err = a.withSites(p, given, declared); err != nil {
		return Resolved{}, err
	}
	unreachable, places := a.unreachable(p.Image.Processes)
	p.Warnings, p.Image.Listens = append(p.Warnings, unreachable...), places
	p.Image.Environment.Variables = withDefaults(p.Image.Environment.Variables, a.defaults.Container)
	p.Image.DrainTimeout, p.Image.DrainWebSocketTimeout = a.settings.DrainTimeout.Value, a.settings.DrainWebSocketTimeout.Value
	p.Decisions = append(p.Decisions, contractDecisions(declared, declare.Undeclared(declare.Scan(a.source), declared))...)
	p.Decisions = append(p.Decisions, writeDecisions(writes.Find(a.source))...)
	return Resolved{p, declared, unbuildable}, nil
}

// writeDecisions tell where the application writes next to its own files: it starts on a read-only file system, and what it writes ends with the
// container.
func writeDecisions(places []writes.Place) (list []plan.Decision) {
	for _, w := range places {
		list = append(list, plan.Decision{Subject: "writes", Value: w.Folder, Origin: fmt.Sprintf("%s: mount a volume at /workspace/%s", w.Where, w.Folder)})
	}
	return list
}

// noReload is the process type web without live reload, as Paketo calls it.
const noReload = "no-reload"

// reloading has the process web started again with changes in its container, if somebody wants that. The web server for static files sees them by itself.
func (a Application) reloading(processes []plan.Process) []plan.Process {
	if a.settings.LiveReload.Value != "true" {
		return processes
	}
	processes = slices.Clone(processes)
	for i, p := range processes {
		if p.Type == webProcess && p.Args[0] != plan.StaticServer {
			plain := p
			plain.Type, plain.Default = noReload, false
			processes[i].Reload = true
			return append(processes, plain)
		}
	}
	return processes
}

// reuse says when what the steps made is used again.
func (a Application) reuse() plan.Reuse {
	if !a.settings.BuildReuse.IsSet() && a.settings.NodePureBuild.Value == "true" {
		return plan.ReuseAlways
	}
	return plan.Reuse(a.settings.BuildReuse.Value)
}

// withoutSecretFiles leaves files with secrets out of the image, unless a process reads them.
func (a Application) withoutSecretFiles(p plan.Plan) plan.Plan {
	o := secretfiles.Options{EnvFiles: len(p.Toolchains) > 0 && p.Toolchains[0].Language == ruby.Language, Keep: strings.Split(a.settings.KeepFiles.Value, ",")}
	for _, q := range p.Image.Processes {
		o.Used = append(o.Used, strings.Join(q.Args, " "))
	}
	for _, file := range secretfiles.Find(a.source, o) {
		if slices.Contains(p.Image.Source.Remove, file.Name) {
			continue
		}
		if file.Stays {
			p.Warnings = append(p.Warnings, file.Name+" "+file.Why+", and is in the image, since Git does not ignore it: whoever can pull the image has them. Name it in .gitignore, or in exclude of project.toml; BP_KEEP_FILES="+file.Name+" says that it is meant.")
			continue
		}
		p.Image.Source.Remove = append(p.Image.Source.Remove, file.Name)
		p.Warnings = append(p.Warnings, file.Name+" "+file.Why+": it is left out of the image. Give the container what it holds as variables or mounted files; BP_KEEP_FILES="+file.Name+" keeps it.")
	}
	return p
}

func types(processes []plan.Process) []string {
	list := make([]string, 0, len(processes))
	for _, p := range processes {
		list = append(list, p.Type)
	}
	return list
}

// withNeeds adds what the language knows to be needed to what the application declares, which counts first.
func withNeeds(c contract.Contract, needs plan.Needs) contract.Contract {
	for _, v := range needs.Variables {
		if c.Variable(v.Name) == nil {
			c.Variables = append(c.Variables, contract.Variable{Name: v.Name, Description: v.Description, Type: v.Type, Required: v.Required, Secret: v.Secret})
		}
	}
	for _, names := range needs.AtLeastOne {
		c.Groups = append(c.Groups, contract.Group{Kind: "at-least-one-of", Names: names})
	}
	return c
}

// maxNamed is how many variables the hint names.
const maxNamed = 3

// contractDecisions describe the config contract, and what the code reads besides it.
func contractDecisions(c contract.Contract, undeclared []declare.Use) []plan.Decision {
	var list []plan.Decision
	if !c.Empty() {
		value := "1 variable declared"
		if n := len(c.Variables); n != 1 {
			value = fmt.Sprintf("%d variables declared", n)
		}
		list = append(list, plan.Decision{Subject: "config", Value: value, Origin: "checked before each process starts"})
	}
	if n := len(c.BuiltWith); n > 0 {
		list = append(list, plan.Decision{Subject: "built with", Value: problem.Some(slices.Sorted(maps.Keys(c.BuiltWith))), Origin: "declared for the build; other values need another build"})
	}
	if len(undeclared) > 0 {
		names := make([]string, 0, maxNamed)
		for _, use := range undeclared[:min(len(undeclared), maxNamed)] {
			names = append(names, use.Name)
		}
		origin := fmt.Sprintf("read by the code (%s), declared by no contract; `gantry contract init` prints a first one", undeclared[0].Where)
		text := strings.Join(names, ", ")
		if more := len(undeclared) - maxNamed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		list = append(list, plan.Decision{Subject: "hint", Value: text, Origin: origin})
	}
	return list
}
