package manifests

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvFile reads NAME=value lines, as docker's --env-file does; quotes around a value are taken off.
func EnvFile(file string, text []byte) Workload {
	w := Workload{Name: filepath.Base(file), Where: file, Values: map[string]string{}}
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if value = strings.TrimSpace(value); len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		w.Values[strings.TrimSpace(name)] = value
	}
	return w
}

// Environ is an environment as a process has it.
func Environ(name string, environ []string) Workload {
	w := Workload{Name: name, Values: map[string]string{}}
	for _, variable := range environ {
		key, value, _ := strings.Cut(variable, "=")
		w.Values[key] = value
	}
	return w
}

// IsCompose reports whether a YAML file is one of docker compose, by its services.
func IsCompose(text []byte) bool {
	var file struct {
		Services map[string]yaml.Node
		Kind     string
	}
	return yaml.Unmarshal(text, &file) == nil && len(file.Services) > 0 && file.Kind == ""
}

// Compose reads the services of a compose file: https://docs.docker.com/reference/compose-file/services/. read gives the
// files that it names.
func Compose(name string, text []byte, read func(string) ([]byte, error)) ([]Workload, error) {
	var file struct {
		Services map[string]struct {
			Image       string
			Environment yaml.Node
			EnvFile     yaml.Node `yaml:"env_file"`
			Entrypoint  yaml.Node
			Command     yaml.Node
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, invalid(name, err)
	}
	var list []Workload
	for _, service := range slices.Sorted(maps.Keys(file.Services)) {
		s := file.Services[service]
		w := Workload{Name: "service " + service, Image: s.Image, Where: name, Values: map[string]string{}, Hidden: map[string]string{}}
		if s.Entrypoint.Kind == yaml.ScalarNode && !strings.ContainsAny(s.Entrypoint.Value, " /") {
			w.Process = s.Entrypoint.Value
		}
		for _, path := range envFiles(s.EnvFile) {
			content, err := read(path)
			if err != nil {
				w.Unknown = append(w.Unknown, "the file "+path)
				continue
			}
			maps.Copy(w.Values, EnvFile(path, content).Values)
		}
		for key, value := range composeVariables(s.Environment) {
			if value == nil || strings.Contains(*value, "${") {
				// What stands around the reference may be a secret.
				w.Hidden[key] = "the shell that starts compose"
			} else {
				w.Values[key] = *value
			}
		}
		list = append(list, w)
	}
	return list, nil
}

func envFiles(node yaml.Node) []string {
	switch node.Kind {
	case yaml.ScalarNode:
		return []string{node.Value}
	case yaml.SequenceNode:
		var list []string
		for _, item := range node.Content {
			var object struct{ Path string }
			if item.Kind == yaml.ScalarNode {
				list = append(list, item.Value)
			} else if item.Decode(&object) == nil && object.Path != "" {
				list = append(list, object.Path)
			}
		}
		return list
	}
	return nil
}

// composeVariables reads a map, or a list of NAME=value; a name without a value is passed on from the shell.
func composeVariables(node yaml.Node) map[string]*string {
	values := map[string]*string{}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if value := node.Content[i+1]; value.Tag != "!!null" {
				values[node.Content[i].Value] = &value.Value
			} else {
				values[node.Content[i].Value] = nil
			}
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if name, value, found := strings.Cut(item.Value, "="); found {
				values[name] = &value
			} else {
				values[name] = nil
			}
		}
	}
	return values
}
