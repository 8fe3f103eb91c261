// Package writes finds where an application writes next to its own files, as far as its source tells for certain: an image is started with a
// read-only file system, and what is written in a container ends with it.
package writes

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Place is a folder that the application writes to, relative to its own, and the first place that tells so.
type Place struct {
	Folder string
	Where  problem.Position
	// Kept: what is written there must outlive the container, such as a database.
	Kept bool
}

// literal is a path that is written out, alone or behind the folder of the file or of the process.
const literal = "(?:path\\.(?:join|resolve)\\(\\s*(__dirname|process\\.cwd\\(\\)|import\\.meta\\.dirname)\\s*,\\s*)?['\"`]([\\w./-]+)['\"`]"

var (
	// made are folders that Node.js makes, with its own functions and those of fs-extra and multer.
	made = lazyregexp.New(`\b(?:mkdir|mkdirSync|mkdirp|mkdirpSync|ensureDir|ensureDirSync)\(\s*` + literal + `|\bmulter\(\s*\{\s*dest:\s*` + literal)
	// opened are databases in a file: better-sqlite3, sqlite3, node:sqlite and NeDB.
	opened = lazyregexp.New(`\bnew\s+(?:[\w$]+\.)?(?:Database|DatabaseSync|Datastore)\(\s*(?:\{\s*filename:\s*)?` + literal)
	// production is that part of config/database.yml, and database a file in it.
	production = lazyregexp.New(`(?m)^production:[^\n]*\n((?:[ \t#][^\n]*\n?|\n)*)`)
	database   = lazyregexp.New(`(?m)^\s+database:\s*["']?([\w./-]+\.sqlite3?)\b`)
	// local is where Active Storage keeps files, when it keeps them on the disk.
	local = lazyregexp.New(`(?m)^\s*config\.active_storage\.service\s*=\s*:local\b`)
)

// javascript are the extensions of its files.
var javascript = []string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"}

// aside are the files and folders of an application's root that belong to its tools, and not to what runs.
var aside = []string{"scripts", "tools", "bin", "benchmark", "benchmarks", "example", "examples", "docs", "e2e", "cypress", "gulpfile.js", "Gruntfile.js"}

// Find gives the places, by their folders.
func Find(a app.App) []Place {
	found := map[string]Place{}
	add := func(folder string, where problem.Position, kept bool) {
		folder = path.Clean(folder)
		if !beside(folder) {
			return
		}
		place, twice := found[folder]
		if !twice {
			place = Place{Folder: folder, Where: where}
		}
		place.Kept = place.Kept || kept
		found[folder] = place
	}
	a.Code(javascript, func(name string, text []byte) { ofJavaScript(name, text, add) })
	if text, ok, err := a.Read("config/database.yml"); err == nil && ok {
		if part := production().FindSubmatchIndex(text); part != nil {
			for _, m := range database().FindAllSubmatchIndex(text[part[2]:part[3]], -1) {
				add(path.Dir(string(text[part[2]+m[2]:part[2]+m[3]])), problem.At("config/database.yml", text, part[2]+m[2]), true)
			}
		}
	}
	const environment = "config/environments/production.rb"
	if text, ok, err := a.Read(environment); err == nil && ok {
		if m := local().FindIndex(text); m != nil {
			start := m[0] + strings.Index(string(text[m[0]:m[1]]), "config")
			add("storage", problem.At(environment, text, start), true)
		}
	}
	ofNext(a, func(folder string, where problem.Position) { add(folder, where, false) })
	var list []Place
	for _, p := range found {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Place) int { return strings.Compare(a.Folder, b.Folder) })
	return list
}

// beside reports whether a folder is one next to the application's files.
func beside(folder string) bool {
	return folder != "." && !path.IsAbs(folder) && folder != ".." && !strings.HasPrefix(folder, "../") && !strings.HasPrefix(folder, "node_modules/") && !strings.HasPrefix(folder, "tmp/") && folder != "tmp"
}

// signs are in each text that the patterns match: most files have none, and are passed over in no time.
var signs = []string{"mkdir", "ensureDir", "multer", "Database", "Datastore"}

// ofJavaScript looks at a file of Node.js. A path is one from the process's folder, the application's, unless it is put behind that of the file.
func ofJavaScript(name string, text []byte, add func(folder string, where problem.Position, kept bool)) {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains(aside, top) || strings.Contains(path.Base(name), ".config.") {
		return
	}
	if !slices.ContainsFunc(signs, func(sign string) bool { return bytes.Contains(text, []byte(sign)) }) {
		return
	}
	for _, m := range made().FindAllSubmatchIndex(text, -1) {
		for _, at := range [][]int{m[2:6], m[6:10]} {
			if at[2] >= 0 {
				add(from(name, text, at), problem.At(name, text, m[0]), false)
			}
		}
	}
	for _, m := range opened().FindAllSubmatchIndex(text, -1) {
		file := from(name, text, m[2:6])
		// Without an extension it is a name, such as that of a database on a server.
		if path.Ext(file) != "" {
			add(path.Dir(file), problem.At(name, text, m[0]), true)
		}
	}
}

// from gives the path of a match: the folder that it is put behind, if any, and the text.
func from(name string, text []byte, at []int) string {
	value := string(text[at[2]:at[3]])
	if at[0] >= 0 && !strings.HasPrefix(string(text[at[0]:at[1]]), "process") {
		return path.Join(path.Dir(name), value)
	}
	return value
}
