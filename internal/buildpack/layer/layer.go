// Package layer decides whether a layer of the last build can be used again, and says why not. It knows what is kept in
// a layer's metadata; it writes no files.
package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// format is the layout of Gantry's layers. It changes when the same inputs would make other files.
const format = "2"

// Inputs are all things that decide a layer's content: a name that people know, and a value or a digest.
type Inputs map[string]string

// Digest is the value of an input that is a file's content.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Metadata is what a layer's TOML file keeps of its inputs.
func (in Inputs) Metadata() map[string]any {
	table := map[string]any{}
	for name, value := range in {
		table[name] = value
	}
	return map[string]any{"format": format, "inputs": table}
}

// But gives the inputs without some of them.
func (in Inputs) But(names ...string) Inputs {
	rest := maps.Clone(in)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// CauseBut is Cause without regard to some inputs.
func (in Inputs) CauseBut(last map[string]any, names ...string) string {
	if old, ok := last["inputs"].(map[string]any); ok {
		old = maps.Clone(old)
		for _, name := range names {
			delete(old, name)
		}
		last = maps.Clone(last)
		last["inputs"] = old
	}
	return in.But(names...).Cause(last)
}

// Cause says why a layer with the metadata of the last build cannot be used again; it is empty when it can.
func (in Inputs) Cause(last map[string]any) string {
	if len(last) == 0 {
		return "no cached layer"
	}
	if last["format"] != format {
		return "another version of Gantry made it"
	}
	old, _ := last["inputs"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(in)) {
		before, known := old[name]
		switch {
		case !known:
			return name + " is new"
		case before != in[name] && short(in[name]) && short(fmt.Sprint(before)):
			return fmt.Sprintf("%s changed from %v to %s", name, before, in[name])
		case before != in[name]:
			return name + " changed"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, still := in[name]; !still {
			return name + " was removed"
		}
	}
	return ""
}

// short tells values worth showing from digests.
func short(value string) bool { return len(value) <= 32 }
