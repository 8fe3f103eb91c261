package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// programsKey is the name, in the metadata of a layer of packages, of the programs that it brings: the layer itself is not there
// when it is reused. A name with a slash at its end is a folder of which all programs are listed.
const programsKey = "programs"

// programsIn lists the programs that a layer of packages has in folders of the application's PATH.
func programsIn(layer string, path []string) (list []string) {
	for _, dir := range path {
		list = append(list, dir+"/")
		// A folder that does not exist has none.
		entries, _ := os.ReadDir(filepath.Join(layer, dir))
		for _, entry := range entries {
			list = append(list, dir+"/"+entry.Name())
		}
	}
	return list
}

// startPrograms are the programs that processes find in the image.
type startPrograms struct {
	pipeline
	// packages are those of the layers of packages; unknown: a layer was made by a Gantry that did not list them. development are those
	// that the build had.
	packages, development []string
	unknown               bool
}

// checkPrograms checks that each process finds its programs in the image. What the default process lacks is an error, what another
// one lacks a warning.
func (p pipeline) checkPrograms(made []libcnb.Layer, development []string) error {
	s := startPrograms{pipeline: p, development: development}
	for _, in := range p.Installs {
		l := layers.Find(made, in.Layer)
		s.packages = append(s.packages, layers.Strings(l.Metadata[programsKey])...)
		s.unknown = s.unknown || l.Name != "" && l.Metadata[programsKey] == nil
	}
	for _, q := range p.Image.Processes {
		fault := s.check(q)
		if fault == nil {
			continue
		}
		if q.Default && !p.hasCompany() {
			return fault
		}
		p.Log.Warning(fmt.Sprintf("Process %s does not start: %s, %s. %s", q.Type, fault.Title, fault.Why, strings.Join(fault.Hints, " ")))
	}
	return nil
}

// hasCompany reports whether other buildpacks take part in the build: their programs are not known here. The lifecycle's detector has
// written which: https://github.com/buildpacks/spec/blob/main/platform.md#grouptoml-toml.
func (p pipeline) hasCompany() bool {
	var file struct{ Group []struct{ ID string } }
	_, err := toml.DecodeFile(filepath.Join(filepath.Dir(p.Layers), "group.toml"), &file)
	return err == nil && len(file.Group) > 1
}

// check finds the first program or file that a process lacks.
func (s startPrograms) check(q plan.Process) *problem.Problem {
	if q.Args[0] == plan.StaticServer || q.Env["PATH"] != "" {
		return nil
	}
	if len(q.Args) < 3 || !shell.IsShell(q.Args[0]) || q.Args[1] != "-c" {
		return s.checkCall(q, shell.Call{Words: q.Args}, true)
	}
	if strings.Contains(q.Args[2], "PATH=") {
		return nil
	}
	for n, call := range shell.Calls(q.Args[2]) {
		if fault := s.checkCall(q, call, n == 0); fault != nil {
			return fault
		}
	}
	return nil
}

// checkCall checks one command; first: no other has run before, which could have made its files.
func (s startPrograms) checkCall(q plan.Process, c shell.Call, first bool) *problem.Problem {
	var onlyPackages []string
	c.Words, onlyPackages = s.unwrapped(c.Words)
	program, dir := c.Words[0], filepath.Join(s.App, q.Dir, c.Dir)
	switch {
	case strings.Contains(program, "{") || strings.Contains(program, "$"):
		return nil
	case slices.Contains(onlyPackages, program) && !s.unknown && !s.hasPackageProgram(program):
		return s.missing(q, program)
	case !strings.Contains(program, "/"):
		if fault := s.checkName(q, program); fault != nil || !first {
			return fault
		}
	case first:
		if fault := s.checkFile(q, program, dir, true); fault != nil {
			return fault
		}
	}
	if file := shell.ScriptFile(c.Words); first && file != "" && file != program {
		return s.checkFile(q, file, dir, false)
	}
	return nil
}

// unwrapped gives the words of the program that a wrapper runs, and the names that are programs of packages alone.
func (s startPrograms) unwrapped(words []string) (program, onlyPackages []string) {
	for _, t := range s.Toolchains {
		for _, wrapper := range t.Wrappers {
			n := len(strings.Fields(wrapper.Words))
			if len(words) > n && strings.Join(words[:n], " ") == wrapper.Words && !strings.HasPrefix(words[n], "-") {
				return words[n:], wrapper.OnlyPackages
			}
		}
	}
	return words, nil
}

// checkName looks for a program on the image's PATH. What the run image alone has is not known: the build image's own counts.
func (s startPrograms) checkName(q plan.Process, program string) *problem.Problem {
	// A process type is a command in the image.
	if slices.ContainsFunc(s.processes(), func(q libcnb.Process) bool { return q.Type == program }) {
		return nil
	}
	for _, t := range s.Toolchains {
		if slices.Contains(t.Runtime.Files.Launch, "bin/"+program) || slices.Contains(t.Runtime.Programs, "bin/"+program) {
			return nil
		}
	}
	if hasProgram(s.InApp(s.Image.Environment.Path), program) {
		return nil
	}
	if s.unknown || s.hasPackageProgram(program) {
		return nil
	}
	if found, _ := filepath.Glob(filepath.Join(s.Layers, "*", "bin", program)); len(found) > 0 {
		return nil
	}
	if !hasProgram(strings.Split(s.Variables()["PATH"]+":"+usualPath, ":"), program) {
		return s.missing(q, program)
	}
	if !slices.Contains(everywhere, program) {
		s.Log.Warning(fmt.Sprintf("Process %s runs %s, which the build image has: where the run image lacks it, the process does not start.", q.Type, program))
	}
	return nil
}

// hasPackageProgram reports whether a package has a program of a name on the image's PATH.
func (s startPrograms) hasPackageProgram(program string) bool {
	return slices.ContainsFunc(s.Image.Environment.Path, func(dir string) bool { return slices.Contains(s.packages, dir+"/"+program) })
}

func hasProgram(dirs []string, program string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, program))
		return err == nil && !info.IsDir()
	})
}

// everywhere are programs that images have which have a shell: those of the essential packages of Debian and Ubuntu.
var everywhere = strings.Fields(`sh bash dash basename cat chmod chown cp cut date dd df dirname du env expr find grep head hostname id install ln ls mkdir mktemp
	mv nice nohup nproc od printenv readlink realpath rm rmdir sed seq sha256sum sleep sort split stat stdbuf stty sync tail tar tee timeout touch tr tty
	uname uniq wc which whoami xargs yes awk gzip gunzip base64`)

// usualPath is the PATH of images that set none.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (s startPrograms) missing(q plan.Process, program string) *problem.Problem {
	fault := &problem.Problem{
		ID:    "build/program-missing",
		Title: "there is no program " + program + " in the image",
		Why:   fmt.Sprintf("process %s runs it (%s)", q.Type, q.String()),
		Hints: []string{"Correct the command; or name a program that only the run image has with its full path."},
	}
	switch {
	case strings.ContainsAny(program, " \t"):
		fault.Title = fmt.Sprintf("there is no program %q", program)
		fault.Hints = []string{"Quotes around the whole command make one word of it: remove them."}
	case slices.ContainsFunc(s.development, func(name string) bool { return filepath.Base(name) == program }):
		fault.Why += ", and it comes with a development dependency, which the image does not have"
		for _, in := range s.Installs {
			if in.Launch.ToKeep != "" {
				fault.Hints = []string{in.Launch.ToKeep}
			}
		}
	default:
		fault.Hints = append([]string{"Add the package that brings it to the application's dependencies."}, fault.Hints...)
	}
	return fault
}

// checkFile looks at a file of the application that a process runs, itself or by a shell.
func (s startPrograms) checkFile(q plan.Process, name, dir string, itself bool) *problem.Problem {
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, name)
	}
	inside, err := filepath.Rel(s.App, file)
	if err != nil || !filepath.IsLocal(inside) {
		return nil
	}
	fault := func(why string, hints ...string) *problem.Problem {
		return &problem.Problem{
			ID: "build/program-file", Title: fmt.Sprintf("process %s cannot run %s", q.Type, name), Where: problem.Position{File: inside}, Why: why, Hints: hints,
		}
	}
	info, err := os.Stat(file)
	switch {
	case err != nil && s.inPackages(inside):
		if !s.unknown && slices.Contains(s.packages, filepath.Dir(inside)+"/") && !slices.Contains(s.packages, inside) {
			return s.missing(q, filepath.Base(inside))
		}
		return nil
	case err != nil:
		return fault("neither the source nor the build has it", "Correct what starts the application: "+q.String()+".")
	case info.IsDir():
		return fault("it is a folder", "Correct what starts the application: "+q.String()+".")
	case itself && info.Mode()&0o111 == 0:
		return fault(fmt.Sprintf("it is not executable: its mode is %#o", info.Mode().Perm()),
			"Make it executable: `git update-index --chmod=+x "+inside+"`, and commit.", "Run it by a shell: sh "+name+".")
	}
	text, err := readStart(file)
	line, _, _ := strings.Cut(text, "\n")
	if err == nil && strings.HasSuffix(line, "\r") && (strings.HasPrefix(line, "#!") || !itself) && !strings.Contains(text, "\x00") {
		return fault("its lines end as on Windows: the carriage return counts as part of each word, so that no program is found",
			"Save it with the line ends of Unix, and add the line `"+filepath.Base(inside)+" text eol=lf` to .gitattributes.")
	}
	return nil
}

// inPackages reports whether a file is in packages whose layer is not there, since it is reused.
func (s startPrograms) inPackages(name string) bool {
	for _, in := range s.Installs {
		for _, dir := range in.Trees.Dirs {
			if strings.HasPrefix(name, dir+"/") {
				return true
			}
		}
	}
	return false
}

// readStart gives the beginning of a file.
func readStart(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	text := make([]byte, 4<<10)
	n, _ := f.Read(text)
	return string(text[:n]), f.Close()
}
