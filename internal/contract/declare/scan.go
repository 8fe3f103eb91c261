package declare

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Use is a variable that the code reads, and the first place where it does.
type Use struct {
	Name  string
	Where problem.Position
}

// reads are how code reads a variable, by the file's ending. It is a plain scan of text: a hint, no proof.
var reads = map[string]*regexp.Regexp{}

func init() {
	script := regexp.MustCompile(`process\.env(?:\.([A-Z][A-Z0-9_]+)|\[["']([A-Z][A-Z0-9_]+)["']\])|(?:import\.meta|Bun)\.env\.([A-Z][A-Z0-9_]+)`)
	for _, ending := range []string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"} {
		reads[ending] = script
	}
	ruby := regexp.MustCompile(`ENV(?:\[["']([A-Z][A-Z0-9_]+)["']\]|\.fetch\(\s*["']([A-Z][A-Z0-9_]+)["'])`)
	for _, ending := range []string{".rb", ".ru", ".rake", ".erb", ".yml"} {
		reads[ending] = ruby
	}
}

// notScanned are folders that hold what others wrote, what a build made, or tests.
var notScanned = map[string]bool{
	"node_modules": true, "vendor": true, ".git": true, "dist": true, "build": true, "out": true, ".next": true, ".nuxt": true, ".output": true,
	"tmp": true, "log": true, "coverage": true, "test": true, "tests": true, "spec": true, "__tests__": true,
}

// ordinary variables are set by platforms and tools, and are nobody's to declare.
var ordinary = map[string]bool{
	"NODE_ENV": true, "PORT": true, "HOST": true, "HOSTNAME": true, "PATH": true, "HOME": true, "PWD": true, "CI": true, "TZ": true, "DEBUG": true,
	"USER": true, "SHELL": true, "LANG": true, "TERM": true, "NO_COLOR": true, "FORCE_COLOR": true, "TMPDIR": true, "RAILS_ENV": true, "RACK_ENV": true,
	"BUNDLE_GEMFILE": true, "RAILS_LOG_LEVEL": true, "RAILS_MAX_THREADS": true, "WEB_CONCURRENCY": true, "PIDFILE": true, "NODE_OPTIONS": true,
}

// The scan is bounded: it is a hint, and must not slow a build.
const (
	maxFiles    = 5000
	maxFileSize = 512 << 10
)

// Scan finds the variables that the code reads.
func Scan(a app.App) []Use {
	found, files := map[string]problem.Position{}, 0
	_ = fs.WalkDir(a.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && notScanned[entry.Name()]:
			return fs.SkipDir
		case entry.IsDir() || reads[path.Ext(name)] == nil || strings.Contains(name, ".test.") || strings.Contains(name, ".spec."):
			return nil
		}
		if files++; files > maxFiles {
			return fs.SkipAll
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxFileSize {
			return nil
		}
		text, ok, err := a.Read(name)
		if err != nil || !ok || !bytes.Contains(text, []byte("env")) && !bytes.Contains(text, []byte("ENV")) {
			return nil
		}
		for _, match := range reads[path.Ext(name)].FindAllSubmatchIndex(text, -1) {
			for group := 2; group < len(match); group += 2 {
				if match[group] < 0 {
					continue
				}
				variable := string(text[match[group]:match[group+1]])
				if _, seen := found[variable]; !seen && !ordinary[variable] && !strings.HasPrefix(variable, "npm_") {
					found[variable] = problem.At(name, text, match[group])
				}
			}
		}
		return nil
	})
	var list []Use
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, Use{name, found[name]})
	}
	return list
}

// Undeclared gives the uses that a contract does not mention.
func Undeclared(uses []Use, c contract.Contract) []Use {
	return slices.DeleteFunc(slices.Clone(uses), func(u Use) bool {
		return slices.ContainsFunc(c.Variables, func(v contract.Variable) bool { return v.Name == u.Name || slices.Contains(v.RenamedFrom, u.Name) })
	})
}
