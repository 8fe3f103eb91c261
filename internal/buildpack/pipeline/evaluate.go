package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// evaluate finds out what a manifest that is a program looks at, and proves that the running application will load what was installed.
func (m byManager) evaluate(ctx context.Context, d decided, f folder) (e layers.Evaluated, err error) {
	if d.Evaluation == nil {
		return e, nil
	}
	if err := f.write(d.Evaluation.Files); err != nil {
		return e, err
	}
	if e, err = m.record(ctx, d, f); err != nil {
		return e, err
	}
	if err := e.Write(m.App); err != nil {
		return e, err
	}
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		m.Log.Line("Packages", name+" is in the image as it was evaluated: it runs programs, which images may not have")
	}
	for _, program := range e.Programs() {
		if !slices.Contains(everywhere, program) {
			m.Log.Warning(fmt.Sprintf("%s runs %s whenever the application starts: where the run image lacks that program, it may not start.", d.Evaluation.Of, program))
		}
	}
	shown, err := m.hide()
	if err != nil {
		return e, err
	}
	return e, errors.Join(m.prove(ctx, d, f, e), shown())
}

// hide takes away for a while what the image will not have.
func (m byManager) hide() (show func() error, err error) {
	moved := map[string]string{}
	show = func() error {
		for from, to := range moved {
			if err := os.Rename(from, to); err != nil {
				return problem.Disk("put "+filepath.Base(to)+" back", err)
			}
		}
		return nil
	}
	for n, name := range m.Image.Source.Remove {
		file := filepath.Join(m.App, name)
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		to := filepath.Join(filepath.Dir(file), fmt.Sprintf(".gantry-hidden-%d", n))
		if err := os.Rename(file, to); err != nil {
			return show, errors.Join(problem.Disk("hide "+name, err), show())
		}
		moved[to] = file
	}
	return show, nil
}

// record evaluates the manifest once more. What that prints, it has printed before.
func (m byManager) record(ctx context.Context, d decided, f folder) (e layers.Evaluated, err error) {
	step := placed(d.Evaluation.Record, d.Commands.Env, f.store, f.scratch)
	if err := m.runQuietly(ctx, step, m.Environ(d.toolchain)); err != nil {
		return e, err
	}
	return m.recorded(filepath.Join(f.scratch, plan.RecordFile))
}

// recorded reads what a program has written down; without a file, it is nothing.
func (p pipeline) recorded(file string) (e layers.Evaluated, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, problem.Unreadable("read what was evaluated", err)
	}
	var recorded plan.Recorded
	if err := json.Unmarshal(text, &recorded); err != nil {
		return e, fmt.Errorf("read what was evaluated: %w", err)
	}
	e.Files = recorded.Files
	for _, r := range recorded.Reads {
		e.Reads = append(e.Reads, p.understood(r))
	}
	return e, nil
}

// understood gives a read as it is kept: a pattern that finds other files here than where it was evaluated counts as all names in the
// folder that it begins with.
func (p pipeline) understood(r plan.Read) string {
	if r.Kind == plan.ReadGlob {
		found, err := doublestar.Glob(os.DirFS(p.App), path.Clean(r.Name))
		slices.Sort(found)
		if err != nil || !slices.Equal(found, r.Found) {
			base, _ := doublestar.SplitPattern(r.Name)
			return plan.ReadNames + " " + base
		}
	}
	return r.Kind + " " + r.Name
}

// prove loads the packages as the running application will. Where that needs variables that the build has and the image has not, they
// are named: whoever starts the container has to give them.
func (m byManager) prove(ctx context.Context, d decided, f folder, e layers.Evaluated) error {
	if len(d.Evaluation.Prove.Args) == 0 {
		return nil
	}
	step := placed(d.Evaluation.Prove, nil, f.store, f.scratch)
	bare := m.launchEnviron(d.toolchain)
	full, own := slices.Clone(bare), m.Given()
	var names []string
	for _, name := range e.Variables() {
		if value, given := own[name]; given && !m.atLaunch(name) {
			full, names = append(full, name+"="+value), append(names, name)
		}
	}
	end := m.Log.Step("Packages", step.Title)
	err := m.runQuietly(ctx, step, full)
	end("")
	if err != nil || len(names) == 0 {
		return err
	}
	if m.run(ctx, command.Runner{Dir: filepath.Join(m.App, step.Dir), Env: bare, Output: io.Discard}, step) != nil {
		m.Log.Warning(fmt.Sprintf("What %s names depends on %s, which the build has: the application starts only where the container has the same value. "+
			"Declare it, so that this is checked: [dev.gantry.config.%s] in project.toml, with required = true.", d.Evaluation.Of, strings.Join(names, ", "), names[0]))
	}
	return nil
}

// atLaunch reports whether the config contract sees to it that the container has a variable.
func (p pipeline) atLaunch(name string) bool {
	return slices.ContainsFunc(p.Contract.Variables, func(v contract.Variable) bool {
		return v.Name == name && v.AtLaunch() && (v.Required || v.Default != nil)
	})
}

// launchEnviron is what a process of the running application sees of its packages, as NAME=value.
func (m byManager) launchEnviron(t plan.Toolchain) []string {
	environ := []string{"PATH=" + strings.Join(append(m.InApp(m.Image.Environment.Path), filepath.Join(m.ToolchainDir(t), "bin"), usualPath), ":")}
	for _, name := range slices.Sorted(maps.Keys(m.Image.Environment.Variables)) {
		environ = append(environ, name+"="+m.InImage(m.Image.Environment.Variables[name]))
	}
	own := m.Given()
	for _, v := range m.Contract.Variables {
		// What is given to the build is what the container will be given.
		if value, given := own[v.Name]; given && m.atLaunch(v.Name) {
			environ = append(environ, v.Name+"="+value)
		} else if v.Default != nil {
			environ = append(environ, v.Name+"="+*v.Default)
		}
	}
	return append(environ, "HOME="+m.Variables()["HOME"])
}

// runQuietly runs a program whose output is shown only when it fails.
func (p pipeline) runQuietly(ctx context.Context, step plan.Command, environ []string) error {
	for _, name := range slices.Sorted(maps.Keys(step.Env)) {
		environ = append(environ, name+"="+step.Env[name])
	}
	kept := &bytes.Buffer{}
	err := p.run(ctx, command.Runner{Dir: filepath.Join(p.App, step.Dir), Env: environ, Output: kept}, step)
	if err != nil {
		output := p.Log.Output()
		_, _ = output.Write(kept.Bytes())
		_ = output.Close()
	}
	return err
}
