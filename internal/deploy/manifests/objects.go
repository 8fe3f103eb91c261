package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// object is one of Kubernetes: https://kubernetes.io/docs/reference/kubernetes-api/.
type object struct {
	file       string
	firstLine  int
	apiVersion string
	kind       string
	name       string
	namespace  string
	node       *yaml.Node
}

func (o object) String() string {
	name := o.name
	if o.namespace != "" {
		name = o.namespace + "/" + name
	}
	return strings.TrimSpace(o.kind + " " + name)
}

// where is the place of a node of the object.
func (o object) where(node *yaml.Node) string {
	return fmt.Sprintf("%s:%d", o.file, o.firstLine+node.Line)
}

// objects reads YAML or JSON, one or many documents, lists included.
func objects(file string, text []byte) ([]object, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if start := bytes.TrimLeft(text, " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		if list, err := objectsOfJSON(file, text); err == nil {
			return list, nil
		}
	}
	return objectsOfYAML(file, text, 0)
}

func objectsOfYAML(file string, text []byte, firstLine int) ([]object, error) {
	var list []object
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, invalid(file, err)
		}
		if !bounded(&node) {
			return nil, invalid(file, errEndless)
		}
		if len(node.Content) > 0 {
			list = append(list, flatten(file, firstLine, node.Content[0])...)
		}
	}
}

var errEndless = errors.New("an alias contains itself, or stands for too much")

// mostNodes is how many nodes a document may have when its aliases are followed.
const mostNodes = 1_000_000

// bounded reports whether a document ends when its aliases are followed.
func bounded(node *yaml.Node) bool {
	left := mostNodes
	within := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node) bool
	walk = func(n *yaml.Node) bool {
		if left--; left < 0 || within[n] {
			return false
		}
		within[n] = true
		defer delete(within, n)
		if n.Kind == yaml.AliasNode {
			return walk(n.Alias)
		}
		for _, inner := range n.Content {
			if !walk(inner) {
				return false
			}
		}
		return true
	}
	return walk(node)
}

// flatten gives an object, or those of a list.
func flatten(file string, firstLine int, node *yaml.Node) []object {
	if node.Kind == yaml.SequenceNode {
		var list []object
		for _, item := range node.Content {
			list = append(list, flatten(file, firstLine, item)...)
		}
		return list
	}
	if items := get(node, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(scalar(get(node, "kind")), "List") {
		return flatten(file, firstLine, items)
	}
	if node.Kind != yaml.MappingNode || get(node, "kind") == nil {
		return nil
	}
	return []object{{
		file: file, firstLine: firstLine, node: node, apiVersion: scalar(get(node, "apiVersion")), kind: scalar(get(node, "kind")),
		name: scalar(get(node, "metadata", "name")), namespace: scalar(get(node, "metadata", "namespace")),
	}}
}

// get gives the node behind a path of keys; nil where there is none.
func get(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		node = child(node, key)
	}
	return node
}

// child gives the value of a key: of two the last, as the API server has it, and before what is merged.
func child(node *yaml.Node, key string) *yaml.Node {
	node = followed(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var own, merged *yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		switch k := node.Content[i]; {
		case k.Value == key && k.Tag != "!!merge":
			own = followed(node.Content[i+1])
		case k.Tag == "!!merge":
			for _, from := range mergedFrom(node.Content[i+1]) {
				if found := child(from, key); found != nil && merged == nil {
					merged = found
				}
			}
		}
	}
	if own != nil {
		return own
	}
	return merged
}

// mergedFrom are the mappings of a merge key, the first of which counts most: https://yaml.org/type/merge.html.
func mergedFrom(node *yaml.Node) []*yaml.Node {
	if node = followed(node); node.Kind == yaml.SequenceNode {
		return node.Content
	}
	return []*yaml.Node{node}
}

// followed gives what an alias stands for.
func followed(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// list gives the items of a sequence.
func list(node *yaml.Node) []*yaml.Node {
	if node = followed(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// pairs calls for each key of a mapping, once.
func pairs(node *yaml.Node, each func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	var visit func(node *yaml.Node)
	visit = func(node *yaml.Node) {
		if node = followed(node); node == nil || node.Kind != yaml.MappingNode {
			return
		}
		last := map[string]int{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			last[node.Content[i].Value] = i
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			// The last of two keys counts.
			if key := node.Content[i]; key.Tag != "!!merge" && !seen[key.Value] && last[key.Value] == i {
				seen[key.Value] = true
				each(key, followed(node.Content[i+1]))
			}
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Tag == "!!merge" {
				for _, from := range mergedFrom(node.Content[i+1]) {
					visit(from)
				}
			}
		}
	}
	visit(node)
}

// scalar gives a text; empty for what is none.
func scalar(node *yaml.Node) string {
	if node = followed(node); node == nil || node.Kind != yaml.ScalarNode || node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

func scalars(node *yaml.Node) []string {
	var texts []string
	for _, item := range list(node) {
		texts = append(texts, scalar(item))
	}
	return texts
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// invalid does not repeat what is in the file: it may hold secrets.
func invalid(file string, err error) error {
	p := &problem.Problem{
		ID: "check/manifest-invalid", Title: path.Base(file) + " is not understood", Where: problem.Position{File: file},
		Why: "it is not valid YAML, or not what Kubernetes or compose expect there", Hints: []string{"Try it with `kubectl apply --dry-run=client -f " + path.Base(file) + "`, or `docker compose -f " + path.Base(file) + " config`; a chart of Helm is rendered by `helm template` first."},
	}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		_, _ = fmt.Sscan(found[1], &p.Where.Line)
	}
	return p
}
