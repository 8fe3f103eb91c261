package manifests

import (
	"encoding/base64"
	"fmt"
	"strings"

	yaml2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
)

// source is a ConfigMap or Secret: its keys, with their values where those can be read.
type source struct {
	values map[string]Value
	// binary are its keys that are files alone, and no variables.
	binary []string
	// open: it may have other keys, too.
	open bool
	// maker is what makes it in the cluster: "the ExternalSecret db".
	maker string
}

// sources are those that were given along, by kind, namespace and name.
type sources map[string]source

func key(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// find looks in the namespace first. What names no namespace gets that of the command that applies it.
func (s sources) find(kind, namespace, name string) (source, bool) {
	if found, ok := s[key(kind, namespace, name)]; ok {
		return found, true
	}
	if namespace != "" {
		found, ok := s[key(kind, "", name)]
		return found, ok
	}
	var all []source
	for place, found := range s {
		if strings.HasPrefix(place, kind+"/") && strings.HasSuffix(place, "/"+name) {
			all = append(all, found)
		}
	}
	if len(all) != 1 {
		// Of several it cannot be told which is meant.
		return source{}, false
	}
	return all[0], true
}

// sourcesOf gives the ConfigMaps and Secrets of some objects, also those that a controller makes of others, and what the API
// server refuses of them.
func sourcesOf(objects []object) (sources, []Finding) {
	found := sources{}
	var refused []Finding
	for _, o := range objects {
		switch o.kind {
		case "ConfigMap", "Secret":
			s, wrong := given(o)
			found[key(o.kind, o.namespace, o.name)] = s
			refused = append(refused, wrong...)
		case "SealedSecret":
			// https://github.com/bitnami-labs/sealed-secrets.
			s := source{values: map[string]Value{}, maker: "the SealedSecret " + o.name}
			pairs(get(o.node, "spec", "encryptedData"), func(k, _ *yaml.Node) { s.values[k.Value] = Value{Secret: true, From: "the Secret " + o.name} })
			found[key("Secret", o.namespace, o.name)] = s
		case "ExternalSecret":
			name, s := external(o)
			found[key("Secret", o.namespace, name)] = s
		}
	}
	return found, refused
}

// external is what https://external-secrets.io/latest/api/externalsecret/ makes.
func external(o object) (string, source) {
	name := scalar(get(o.node, "spec", "target", "name"))
	if name == "" {
		name = o.name
	}
	hidden := Value{Secret: true, From: "the Secret " + name}
	s := source{values: map[string]Value{}, open: len(list(get(o.node, "spec", "dataFrom"))) > 0, maker: "the ExternalSecret " + o.name}
	for _, item := range list(get(o.node, "spec", "data")) {
		s.values[scalar(child(item, "secretKey"))] = hidden
	}
	if template := get(o.node, "spec", "target", "template", "data"); template != nil {
		if scalar(get(o.node, "spec", "target", "template", "mergePolicy")) != "Merge" {
			s.values = map[string]Value{}
		}
		pairs(template, func(k, _ *yaml.Node) { s.values[k.Value] = hidden })
	}
	return name, s
}

// given reads a ConfigMap or Secret.
func given(o object) (source, []Finding) {
	s := source{values: map[string]Value{}}
	var refused []Finding
	secret := o.kind == "Secret"
	read := func(field string, value func(text string) (string, bool)) {
		pairs(get(o.node, field), func(k, v *yaml.Node) {
			if what := notText(v); what != "" {
				refused = append(refused, o.refuses(v, k.Value, what))
			}
			text, ok := value(scalar(v))
			if !ok {
				refused = append(refused, Finding{
					Workload: o.String(), Where: o.where(v), Name: k.Value, Kind: "refused", What: "is not base64, which data of a Secret must be",
					Advice: "Encode it, or write it as it is below stringData.",
				})
				return
			}
			s.values[k.Value] = Value{Text: text, Secret: secret}
		})
	}
	plain := func(text string) (string, bool) { return text, true }
	decoded := func(text string) (string, bool) {
		content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		return string(content), err == nil
	}
	if secret {
		read("data", decoded)
		read("stringData", plain)
		return s, refused
	}
	read("data", plain)
	pairs(get(o.node, "binaryData"), func(k, _ *yaml.Node) { s.binary = append(s.binary, k.Value) })
	return s, refused
}

// refuses is what the API server says of a value that is no text: "cannot unmarshal number into Go struct field … of type string".
func (o object) refuses(node *yaml.Node, name, what string) Finding {
	return Finding{
		Workload: o.String(), Where: o.where(node), Name: name, Kind: "refused", What: "is " + what + ", and Kubernetes accepts texts only",
		Advice: "Quote it.",
	}
}

// notText says what a value is that is no text for Kubernetes, which reads YAML 1.1: there yes, no, on and off are booleans.
func notText(node *yaml.Node) string {
	node = followed(node)
	switch {
	case node == nil || node.Tag == "!!null":
		return ""
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Style&yaml.TaggedStyle != 0 && (node.Tag == "!!int" || node.Tag == "!!float"):
		return "a number"
	case node.Style&yaml.TaggedStyle != 0 && node.Tag == "!!bool":
		return "a boolean"
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0:
		return ""
	}
	var value any
	if yaml2.Unmarshal([]byte(node.Value), &value) != nil {
		return ""
	}
	switch value.(type) {
	case bool:
		return "a boolean"
	case int, int64, uint64, float64:
		return "a number"
	}
	return ""
}

// at is a value that refers to a key of a source.
func (s sources) at(kind, namespace, name, k string, optional bool) (v Value, set bool) {
	found, there := s.find(kind, namespace, name)
	value, has := found.values[k]
	switch {
	case !there:
		return Value{Secret: kind == "Secret", From: "the " + kind + " " + name}, true
	case has:
		return value, true
	case found.open:
		return Value{Secret: true, From: "the Secret " + name}, true
	case optional:
		return Value{}, false
	}
	missing := fmt.Sprintf("the key %s of the %s %s", k, kind, name)
	if found.maker != "" {
		missing = fmt.Sprintf("the key %s of the %s %s, which %s makes", k, kind, name, found.maker)
	}
	return Value{Missing: missing}, true
}
