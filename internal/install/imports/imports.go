// Package imports finds what the JavaScript files of an application import for certain when Node.js loads them, and which of it does
// not exist: https://nodejs.org/api/esm.html#resolution-algorithm-specification, https://nodejs.org/api/modules.html#all-together.
// It reads the files with esbuild; it does not run them, and does not look into packages.
package imports

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// Import is one that an application's file needs when it is loaded.
type Import struct {
	// File is the importing file, relative to the application, and Line the line of the import, 0 where it is not known.
	File string
	Line int
	// Name is what is imported, as it is written, and Package the name of the package; empty for a file of the application.
	Name, Package string
}

// Application is one whose imports are followed.
type Application struct {
	// Dir is its folder.
	Dir string
	// Has reports whether the running application has a package, where its folder cannot be seen.
	Has func(name string) bool
}

// mostBytes is how large a file may be that is read: what is larger was bundled, and imports little.
const mostBytes = 4 << 20

// Missing gives what does not exist of the imports of an entry file, relative to the application, and of the files that it
// imports. Only what is certain is looked at: static imports, and calls of require at the beginning of a line, which stand
// in no function and no condition. A file that cannot be parsed, or that changes how modules are found, ends the search with nothing.
func (a Application) Missing(entry string) []Import {
	s := search{Application: a, files: map[string]lines{}}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(a.Dir, entry)}, AbsWorkingDir: a.Dir, Bundle: true, Write: false, Platform: api.PlatformNode, LogLevel: api.LogLevelSilent,
		Outdir: filepath.Join(a.Dir, ".none"), PreserveSymlinks: true, TsconfigRaw: "{}", Plugins: []api.Plugin{{Name: "gantry", Setup: s.setup}},
	})
	if len(result.Errors) > 0 || s.otherWays {
		return nil
	}
	slices.SortFunc(s.missing, func(a, b Import) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	return slices.Compact(s.missing)
}

// search is a walk through the files of an application. esbuild calls it from several goroutines.
type search struct {
	Application
	mu      sync.Mutex
	missing []Import
	files   map[string]lines
	// otherWays: a file changes how modules are found.
	otherWays bool
}

func (s *search) setup(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if args.Kind == api.ResolveEntryPoint {
			return api.OnResolveResult{Path: args.Path}, nil
		}
		external := api.OnResolveResult{Path: args.Path, External: true}
		line, certain := s.certain(args)
		if !certain {
			return external, nil
		}
		file, _ := filepath.Rel(s.Dir, args.Importer)
		found, target := s.resolve(args.ResolveDir, args.Path)
		switch {
		case !found:
			s.mu.Lock()
			s.missing = append(s.missing, Import{File: file, Line: line, Name: args.Path, Package: packageName(args.Path)})
			s.mu.Unlock()
		case target != "":
			return api.OnResolveResult{Path: target}, nil
		}
		return external, nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: ".*"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		info, err := os.Stat(args.Path)
		nothing := ""
		if err != nil || info.Size() > mostBytes {
			return api.OnLoadResult{Contents: &nothing}, nil
		}
		content, err := os.ReadFile(args.Path)
		if err != nil {
			return api.OnLoadResult{Contents: &nothing}, nil
		}
		text := string(content)
		found := linesOf(text)
		s.mu.Lock()
		s.files[args.Path] = found
		s.otherWays = s.otherWays || findsOtherwise.MatchString(text)
		s.mu.Unlock()
		return api.OnLoadResult{Contents: &text, Loader: api.LoaderJS}, nil
	})
}

// findsOtherwise finds what makes Node.js look for modules elsewhere.
var findsOtherwise = regexp.MustCompile(`\b(?:_resolveFilename|_load|_initPaths|registerHooks|module-alias|app-module-path|tsconfig-paths|better-module-alias)\b|\bregister\s*\(\s*["']`)

// certain reports whether an import is needed whenever its file is loaded, and in which line it is.
func (s *search) certain(args api.OnResolveArgs) (line int, certain bool) {
	if args.Kind != api.ResolveJSImportStatement && args.Kind != api.ResolveJSRequireCall {
		return 0, false
	}
	s.mu.Lock()
	of := s.files[args.Importer]
	s.mu.Unlock()
	if args.Kind == api.ResolveJSImportStatement {
		return of.imported[args.Path], true
	}
	line, certain = of.required[args.Path]
	return line, certain
}

// lines are those in which a file imports modules, by their names: by statements, and by calls of require that stand in no function
// and no condition.
type lines struct{ imported, required map[string]int }

var (
	statement = regexp.MustCompile(`(?m)^[ \t]*(?:import|export|\})[^\n]*?["']([^"'\n]+)["']`)
	// Compilers write "const x = __importStar(require("x"))".
	call = regexp.MustCompile(`(?m)^(?:(?:const|let|var)\s+(?:[\w$]+|\{[^{}=;()\n]*\}|\[[^\[\]=;()\n]*\])\s*=\s*|(?:module\.)?exports[\w.]*\s*=\s*)?(?:[\w.]+\()*require\(\s*["'\x60]([^"'\x60\n]+)["'\x60]\s*\)`)
)

func linesOf(text string) lines {
	found := lines{map[string]int{}, map[string]int{}}
	for _, each := range []struct {
		pattern *regexp.Regexp
		into    map[string]int
	}{{statement, found.imported}, {call, found.required}} {
		line, last := 1, 0
		for _, at := range each.pattern.FindAllStringSubmatchIndex(text, -1) {
			line += strings.Count(text[last:at[2]], "\n")
			last = at[2]
			name := text[at[2]:at[3]]
			// A block without indentation is a condition, or a function.
			inBlock := each.pattern == call && strings.HasSuffix(strings.TrimSpace(text[:at[0]]), "{")
			if _, known := each.into[name]; !known && !inBlock {
				each.into[name] = line
			}
		}
	}
	return found
}

// resolve finds an import from a folder; target is the file, if the search goes on in it.
func (s *search) resolve(dir, name string) (found bool, target string) {
	switch {
	case isFile(name):
		file := name
		if !path.IsAbs(name) {
			file = filepath.Join(dir, name)
		}
		return s.resolveFile(file)
	case strings.HasPrefix(name, "#"), strings.Contains(name, ":"), isBuiltin(name):
		return true, ""
	}
	pkg := packageName(name)
	for place := dir; ; place = filepath.Dir(place) {
		modules := filepath.Join(place, "node_modules")
		if _, err := os.Stat(filepath.Join(modules, pkg)); err == nil {
			return true, ""
		}
		if strings.HasPrefix(place, s.Dir) && isSelf(filepath.Join(place, "package.json"), pkg) {
			return true, ""
		}
		if place == filepath.Dir(place) {
			break
		}
	}
	if s.seesPackages(dir) {
		return false, ""
	}
	return s.Has(pkg), ""
}

// seesPackages reports whether the folder of the packages is there: that of a layer which is reused is not.
func (s *search) seesPackages(dir string) bool {
	for place := dir; strings.HasPrefix(place, s.Dir); place = filepath.Dir(place) {
		link := filepath.Join(place, "node_modules")
		if _, err := os.Lstat(link); err == nil {
			_, err := os.Stat(link)
			return err == nil
		}
	}
	return true
}

// resolveFile finds a file as require does, which is more than an import statement may.
func (s *search) resolveFile(file string) (found bool, target string) {
	for _, name := range []string{file, file + ".js", file + ".json", file + ".node", file + ".cjs", file + ".mjs", file + "/index.js", file + "/index.json", file + "/index.node", file + "/package.json"} {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		if slices.Contains([]string{".js", ".cjs", ".mjs"}, filepath.Ext(name)) && !strings.Contains(name, "/node_modules/") && strings.HasPrefix(name, s.Dir+"/") {
			return true, name
		}
		return true, ""
	}
	return false, ""
}

// isFile reports whether an import names a file, and not a package: there are packages whose names begin with a dot.
func isFile(name string) bool {
	return name == "." || name == ".." || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") || path.IsAbs(name)
}

// packageName is the name of the package in what is imported; empty for a file.
func packageName(name string) string {
	if isFile(name) {
		return ""
	}
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(name, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// isSelf reports whether a package.json has a name: a package may import itself.
func isSelf(manifest, name string) bool {
	text, err := os.ReadFile(manifest)
	return err == nil && regexp.MustCompile(`"name"\s*:\s*"`+regexp.QuoteMeta(name)+`"`).Match(text)
}

// isBuiltin reports whether a module is Node.js' own: https://nodejs.org/api/module.html#modulebuiltinmodules.
func isBuiltin(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains(builtins, first)
}

var builtins = strings.Fields(`assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2
	https inspector module net os path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8
	vm wasi worker_threads zlib`)
