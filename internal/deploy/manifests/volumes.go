package manifests

import (
	"path"

	"go.yaml.in/yaml/v3"
)

// volume is what of a pod's volume can be known: files of ConfigMaps and Secrets.
type volume struct {
	files map[string]Value
	// all: there are no others.
	all bool
}

// volumes reads those of a pod: https://kubernetes.io/docs/concepts/storage/volumes/.
func (o object) volumes(pod *yaml.Node, known sources) map[string]volume {
	found := map[string]volume{}
	for _, entry := range list(child(pod, "volumes")) {
		v := volume{files: map[string]Value{}, all: true}
		parts := []*yaml.Node{entry}
		if projected := get(entry, "projected", "sources"); projected != nil {
			parts = list(projected)
		}
		for _, part := range parts {
			if !o.fill(v, part, known) {
				v.all = false
			}
		}
		found[scalar(child(entry, "name"))] = v
	}
	return found
}

// fill adds the files of one source, and reports whether all of them are known.
func (o object) fill(v volume, part *yaml.Node, known sources) bool {
	kind, ref, field := "ConfigMap", child(part, "configMap"), "name"
	if ref == nil {
		kind, ref, field = "Secret", child(part, "secret"), "secretName"
	}
	if ref == nil {
		return false
	}
	name := scalar(child(ref, field))
	if name == "" {
		name = scalar(child(ref, "name"))
	}
	optional := scalar(child(ref, "optional")) == "true"
	if items := list(child(ref, "items")); len(items) > 0 {
		for _, item := range items {
			if value, set := known.at(kind, o.namespace, name, scalar(child(item, "key")), optional); set {
				v.files[scalar(child(item, "path"))] = value
			}
		}
		return true
	}
	found, there := known.find(kind, o.namespace, name)
	for key, value := range found.values {
		v.files[key] = value
	}
	for _, key := range found.binary {
		v.files[key] = Value{From: "the " + kind + " " + name}
	}
	return there && !found.open
}

// mounted gives the files that a container sees of its pod's volumes, and the folders of which all are known.
func mounted(c *yaml.Node, volumes map[string]volume) (files map[string]Value, dirs []string) {
	files = map[string]Value{}
	for _, mount := range list(child(c, "volumeMounts")) {
		v, at, inside := volumes[scalar(child(mount, "name"))], path.Clean(scalar(child(mount, "mountPath"))), scalar(child(mount, "subPath"))
		if inside != "" {
			if value, there := v.files[inside]; there {
				files[at] = value
			}
			continue
		}
		for name, value := range v.files {
			files[path.Join(at, name)] = value
		}
		if v.all {
			dirs = append(dirs, at)
		}
	}
	return files, dirs
}
