package listens

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// imported are files of the application that a file names.
var imported = lazyregexp.New(`(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*|\brequire\s*\(\s*)['"](\.{1,2}(?:/[^'"]*)?)['"]`)

// extensions are those of JavaScript's files, and of those that it is made of.
var extensions = []string{".js", ".ts", ".mjs", ".mts", ".cjs", ".cts", ".jsx", ".tsx"}

// maxReached bounds how many files are looked at.
const maxReached = 2000

// Reached are the files that one file loads, itself among them, as far as their relative imports tell; none where it is not there. entry may be one that a
// build makes of another: dist/main.js of src/main.ts.
func Reached(a app.App, entry string) map[string]bool {
	start := ""
	for _, name := range sources(entry) {
		if start = file(a, name); start != "" {
			break
		}
	}
	if start == "" {
		return nil
	}
	reached := map[string]bool{start: true}
	for queue := []string{start}; len(queue) > 0 && len(reached) < maxReached; queue = queue[1:] {
		text, _, _ := a.Read(queue[0])
		for _, m := range imported().FindAllStringSubmatch(string(text), -1) {
			name := file(a, path.Join(path.Dir(queue[0]), m[1]))
			if name != "" && !reached[name] && !strings.Contains(name, "node_modules/") {
				reached[name] = true
				queue = append(queue, name)
			}
		}
	}
	return reached
}

// sources are the files that one may be made of.
func sources(entry string) (list []string) {
	list = append(list, entry)
	dir, rest, found := strings.Cut(entry, "/")
	if !found || !slices.Contains([]string{"dist", "build", "out", "lib"}, dir) {
		return list
	}
	rest = strings.TrimSuffix(rest, path.Ext(rest))
	return append(list, "src/"+strings.TrimPrefix(rest, "src/"), rest)
}

// file gives the file of a name, as Node.js and TypeScript find it; empty where there is none.
func file(a app.App, name string) string {
	if a.Has(name) {
		return name
	}
	plain := strings.TrimSuffix(name, path.Ext(name))
	for _, base := range []string{name, plain, path.Join(name, "index")} {
		for _, extension := range extensions {
			if a.Has(base + extension) {
				return base + extension
			}
		}
	}
	return ""
}
