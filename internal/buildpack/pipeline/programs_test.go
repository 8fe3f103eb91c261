package pipeline_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A build ends well only where the default process finds its programs and files in the image, and says why not otherwise: the first
// time, and when the layer of the packages is reused.
func TestPrograms(t *testing.T) {
	sh := func(text string) []string { return []string{"sh", "-c", text} }
	for name, c := range map[string]struct {
		args []string
		dir  string
		// script and mode are those of the file start.sh.
		script string
		mode   os.FileMode
		want   string
	}{
		"of the runtime":               {args: []string{"toy", "serve"}},
		"of a package":                 {args: []string{"robotic"}},
		"of the build image":           {args: []string{"sh", "start.sh"}, script: "toy serve\n"},
		"of a layer of another kind":   {args: []string{"gantry", "ps"}},
		"in a shell's text":            {args: sh("cd $HOME && nothing")},
		"behind or":                    {args: sh("nothing || toy serve")},
		"with its own PATH":            {args: sh("PATH=/opt/bin:$PATH nothing")},
		"made by the command before":   {args: sh("toy make && ./made")},
		"of the run image":             {args: []string{"/opt/bin/nothing"}},
		"a file that can be executed":  {args: []string{"./start.sh"}, script: "#!/bin/sh\ntoy serve\n", mode: 0o755},
		"none":                         {args: []string{"nothing", "x"}, want: "there is no program nothing in the image: process web runs it (nothing x) [build/program-missing]"},
		"none in a shell's text":       {args: sh("toy a && exec nothing $X"), want: "there is no program nothing in the image: process web runs it (sh -c 'toy a && exec nothing $X') [build/program-missing]"},
		"a command within quotes":      {args: []string{"toy serve"}, want: "there is no program \"toy serve\": process web runs it ('toy serve') [build/program-missing]"},
		"of a development dependency":  {args: []string{"ruling"}, want: "there is no program ruling in the image: process web runs it (ruling), and it comes with a development dependency, which the image does not have [build/program-missing]"},
		"a file that is not there":     {args: []string{"./start.sh"}, want: "start.sh: process web cannot run ./start.sh: neither the source nor the build has it [build/program-file]"},
		"a file that is not there, sh": {args: []string{"sh", "start.sh"}, want: "start.sh: process web cannot run start.sh: neither the source nor the build has it [build/program-file]"},
		"a folder":                     {args: []string{"./sub"}, want: "sub: process web cannot run ./sub: it is a folder [build/program-file]"},
		"in a folder":                  {args: []string{"./start.sh"}, dir: "sub", want: "sub/start.sh: process web cannot run ./start.sh: neither the source nor the build has it [build/program-file]"},
		"not executable":               {args: []string{"./start.sh"}, script: "#!/bin/sh\n", want: "start.sh: process web cannot run ./start.sh: it is not executable: its mode is 0644 [build/program-file]"},
		"lines as on Windows": {args: []string{"./start.sh"}, script: "#!/bin/sh\r\ntoy\r\n", mode: 0o755,
			want: "start.sh: process web cannot run ./start.sh: its lines end as on Windows: the carriage return counts as part of each word, so that no program is found [build/program-file]"},
		"lines as on Windows, sh": {args: []string{"sh", "start.sh"}, script: "toy serve\r\n",
			want: "start.sh: process web cannot run start.sh: its lines end as on Windows: the carriage return counts as part of each word, so that no program is found [build/program-file]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.plan.Image.Environment.Path = []string{"toys/.bin"}
			w.plan.Installs[0].Launch.ToKeep = "Keep it."
			w.run = func(_ context.Context, r command.Runner, c plan.Command) error {
				if c.Title == "toys install" {
					w.write(r.Dir, "toys/.bin/robotic", "")
					w.write(r.Dir, "toys/.bin/ruling", "")
				}
				if c.Title == "toys prune" {
					return os.Remove(filepath.Join(r.Dir, "toys/.bin/ruling"))
				}
				return nil
			}
			w.write(w.source, "sub/file", "")
			if c.script != "" {
				w.write(w.source, "start.sh", c.script)
				if c.mode != 0 {
					w.Expect(os.Chmod(filepath.Join(w.source, "start.sh"), c.mode)).To(Succeed())
				}
			}
			// The layers exist by the time of the second build.
			w.Expect(w.build()).To(Succeed())
			w.plan.Image.Processes = []plan.Process{{Type: "web", Default: true, Args: c.args, Dir: c.dir}}
			for range 2 {
				err := w.build()
				if c.want == "" {
					w.Expect(err).NotTo(HaveOccurred())
					continue
				}
				w.Expect(err).To(MatchError(c.want))
				w.Expect(problem.As(err).Hints).NotTo(BeEmpty())
			}
			w.plan.Image.Processes[0].Default = false
			w.Expect(w.build()).To(Succeed())
			if c.want != "" {
				w.Expect(w.log).To(ContainSubstring("Process web does not start: "))
			}
		})
	}
}

// Another buildpack of the build may bring the program.
func TestProgramsOfOtherBuildpacks(t *testing.T) {
	w := newWorkshop(t)
	w.layers = filepath.Join(t.TempDir(), "gantry_app")
	w.plan.Image.Processes[0].Args = []string{"gunicorn"}
	w.Expect(os.MkdirAll(w.layers, 0o755)).To(Succeed())
	w.write(w.layers, "../group.toml", "[[group]]\nid = \"gantry/app\"\n")
	w.Expect(w.build()).To(MatchError(ContainSubstring("there is no program gunicorn in the image")))
	w.write(w.layers, "../group.toml", "[[group]]\nid = \"gantry/app\"\n[[group]]\nid = \"python\"\n")
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.log).To(ContainSubstring("Process web does not start: there is no program gunicorn in the image"))
}

// What only the build image has is warned of.
func TestProgramsOfTheBuildImage(t *testing.T) {
	w := newWorkshop(t)
	dir := t.TempDir()
	w.write(dir, "make", "")
	w.env["PATH"] = dir
	w.plan.Image.Processes[0].Args = []string{"sh", "-c", "sleep 1 && make serve"}
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.log).To(ContainSubstring("Process web runs make, which the build image has: where the run image lacks it, the process"))
	w.Expect(w.log).NotTo(ContainSubstring("runs sleep"))
}
