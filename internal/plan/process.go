package plan

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// String writes a process as one would type it.
func (p Process) String() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(p.Env)) {
		words = append(words, key+"="+Quote(p.Env[key]))
	}
	if p.Args[0] == StaticServer {
		return strings.Join(append(words, "static files in "+cmp.Or(path.Join(p.Dir, p.Args[1]), ".")), " ")
	}
	for _, argument := range p.Args {
		if argument != FilesDir && strings.HasPrefix(argument, FilesDir) {
			argument = strings.TrimPrefix(argument, FilesDir+"/") + " of Gantry"
		}
		words = append(words, Quote(argument))
	}
	if p.Dir != "" {
		words = append(words, "(in "+p.Dir+")")
	}
	return strings.Join(words, " ")
}

// Quote writes a word so that a shell takes it as it is.
func Quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
