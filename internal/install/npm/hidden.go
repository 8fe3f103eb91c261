package npm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// hiddenFile is what npm keeps of a tree: https://docs.npmjs.com/cli/configuring-npm/package-lock-json#hidden-lockfiles.
const hiddenFile = modules + "/.package-lock.json"

// formatting is npm's reading of how a package.json is written; the hidden lockfile is written in the same way.
var formatting = regexp.MustCompile(`^\s*[{\[]((?:\r?\n)+)([\s\t]*)`)

// packageFields are what a lockfile keeps of a package.json, and nodeFields what it knows beside: Arborist's
// shrinkwrap.js.
var (
	packageFields = []string{
		"version", "dependencies", "peerDependencies", "peerDependenciesMeta", "optionalDependencies", "bundleDependencies",
		"acceptDependencies", "funding", "engines", "os", "cpu", "libc", "license", "bin", "deprecated", "workspaces",
	}
	nodeFields = []string{"integrity", "inBundle", "hasInstallScript", "resolved"}
)

// hidden writes the hidden lockfile: the head of the lockfile, and an entry for each node that is installed.
func hidden(l *lock, manifests map[string]manifest, installed []*node) ([]byte, error) {
	packages := map[string]any{}
	for _, n := range installed {
		entry, err := hiddenEntry(n, manifests)
		if err != nil {
			return nil, err
		}
		packages[n.key] = entry
	}
	head := map[string]any{"lockfileVersion": 3, "requires": true, "packages": packages}
	for key, value := range map[string]json.RawMessage{"name": l.name, "version": l.version} {
		if len(value) > 0 {
			head[key] = value
		}
	}
	var text bytes.Buffer
	if err := writeNice(&text, head); err != nil {
		return nil, err
	}
	indent, newline := "  ", "\n"
	if found := formatting.FindSubmatch(manifests[""].text); found != nil {
		newline, indent = string(found[1]), string(found[2][:min(10, len(found[2]))])
	}
	if indent == "" {
		return nil, unsupported("package.json is written without indent")
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text.Bytes(), "", indent); err != nil {
		return nil, unsupported("the lockfile cannot be written: %v", err)
	}
	pretty.WriteByte('\n')
	if newline == "\n" {
		return pretty.Bytes(), nil
	}
	return bytes.ReplaceAll(pretty.Bytes(), []byte("\n"), []byte(newline)), nil
}

func hiddenEntry(n *node, manifests map[string]manifest) (map[string]any, error) {
	if n.Link {
		return map[string]any{"resolved": n.Resolved, "link": true}, nil
	}
	out := map[string]any{}
	m, local := manifests[n.key]
	for _, key := range packageFields {
		value := n.fields[key]
		// What a workspace says of itself counts, as it stands in its package.json. There npm brings some of it into another
		// form first; the lockfile has that.
		if own, given := m.fields[key]; local && given != (value != nil) {
			if !empty(own) {
				return nil, unsupported("the lockfile is not up to date with %s/package.json", n.key)
			}
		} else if local && !slices.Contains([]string{"funding", "license", "bin"}, key) {
			value = own
		}
		if !empty(value) {
			out[key] = value
		}
	}
	if local && !empty(m.fields["devDependencies"]) {
		out["devDependencies"] = m.fields["devDependencies"]
	}
	for _, key := range nodeFields {
		if value := n.fields[key]; !empty(value) && string(value) != "false" {
			out[key] = value
		}
		if key == "resolved" && lockfile.Credentials([]byte(n.Resolved)) > 0 {
			// npm keeps them. The image has no use for them, and more readers.
			out[key] = withoutCredentials(n.Resolved)
		}
	}
	if n.Name != "" && n.Name != nameOf(n.key) {
		out["name"] = n.Name
	}
	for key, set := range map[string]bool{
		"peer": n.isPeer, "dev": n.isDev, "optional": n.isOptional, "devOptional": n.isDevOptional && !n.isDev && !n.isOptional,
	} {
		if set {
			out[key] = true
		}
	}
	return out, nil
}

func empty(value json.RawMessage) bool {
	return len(value) == 0 || slices.Contains([]string{"null", "false", `""`, "{}", "[]"}, string(value))
}

// escapes are what JSON needs of a key in plain ASCII.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// first are the keys that json-stringify-nice puts before the others.
var first = []string{"name", "version", "lockfileVersion", "resolved", "integrity", "requires", "packages", "dependencies"}

// writeNice writes a value with its keys in npm's order: https://github.com/isaacs/json-stringify-nice.
func writeNice(out *bytes.Buffer, value any) error {
	if raw, ok := value.(json.RawMessage); ok {
		var fields map[string]json.RawMessage
		if raw[0] != '{' || json.Unmarshal(raw, &fields) != nil {
			return writeScalar(out, raw)
		}
		object := map[string]any{}
		for key, field := range fields {
			object[key] = field
		}
		value = object
	}
	object, ok := value.(map[string]any)
	if !ok {
		raw, err := json.Marshal(value)
		out.Write(raw)
		return err
	}
	keys := make([]string, 0, len(object))
	for key := range object {
		if !plainASCII(key) {
			return unsupported("the lockfile has the key %q", key)
		}
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(boolean(isObject(object[a]))-boolean(isObject(object[b])), rank(a)-rank(b), collate(a, b))
	})
	out.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		_ = writeScalar(out, []byte(`"`+escapes.Replace(key)+`"`))
		out.WriteByte(':')
		if err := writeNice(out, object[key]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// writeScalar writes anything but an object as JavaScript does: nothing is escaped that need not be.
func writeScalar(out *bytes.Buffer, raw json.RawMessage) error {
	if !bytes.Contains(raw, []byte(`\`)) {
		out.Write(raw)
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil || !isPlainText(text) {
		return unsupported("the lockfile has texts with unusual characters")
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(text)
	out.Truncate(out.Len() - 1)
	return err
}

// isPlainText reports whether Go and JavaScript write a text in the same way.
func isPlainText(text string) bool {
	return !strings.ContainsAny(text, "\u2028\u2029\ufffd\b\f\x7f")
}

func isObject(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return true
	case json.RawMessage:
		return value[0] == '{'
	}
	return false
}

func rank(key string) int {
	if i := slices.Index(first, key); i >= 0 {
		return i
	}
	return len(first)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
