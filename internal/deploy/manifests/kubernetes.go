package manifests

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// object is what matters of a Kubernetes object: https://kubernetes.io/docs/reference/kubernetes-api/.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		podSpec     `yaml:",inline"`
		Template    struct{ Spec podSpec }
		JobTemplate struct {
			Spec struct{ Template struct{ Spec podSpec } }
		} `yaml:"jobTemplate"`
	}
	Data       map[string]yaml.Node
	StringData map[string]yaml.Node `yaml:"stringData"`
	BinaryData map[string]yaml.Node `yaml:"binaryData"`
	Items      []yaml.Node
}

type podSpec struct {
	Containers     []containerSpec
	InitContainers []containerSpec `yaml:"initContainers"`
}

type containerSpec struct {
	line    int
	Name    string
	Image   string
	Command []string
	Args    []string
	Env     []envEntry
	EnvFrom []struct {
		Prefix    string
		ConfigMap *nameRef `yaml:"configMapRef"`
		Secret    *nameRef `yaml:"secretRef"`
	} `yaml:"envFrom"`
}

func (c *containerSpec) UnmarshalYAML(node *yaml.Node) error {
	type plain containerSpec
	c.line = node.Line
	line := c.line
	err := node.Decode((*plain)(c))
	c.line = line
	return err
}

type envEntry struct {
	Name      string
	Value     *string
	ValueFrom *struct {
		ConfigMap *keyRef   `yaml:"configMapKeyRef"`
		Secret    *keyRef   `yaml:"secretKeyRef"`
		Field     yaml.Node `yaml:"fieldRef"`
		Resource  yaml.Node `yaml:"resourceFieldRef"`
	} `yaml:"valueFrom"`
}

type nameRef struct {
	Name     string
	Optional bool
}

type keyRef struct {
	Name, Key string
	Optional  bool
}

// source is a ConfigMap or Secret that was given along: its keys, with their values where those can be read.
type source struct{ values map[string]*string }

// Kubernetes reads objects from YAML or JSON, one or many, lists included. Several files are given together, so that
// references between them can be followed.
func Kubernetes(files map[string][]byte, order []string) ([]Workload, error) {
	sources := map[string]source{}
	type placed struct {
		object
		file string
	}
	var objects []placed
	for _, file := range order {
		found, err := decode(file, files[file])
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			objects = append(objects, placed{o, file})
			if o.Kind == "ConfigMap" || o.Kind == "Secret" {
				sources[o.Kind+"/"+o.Metadata.Name] = newSource(o)
			}
		}
	}
	var list []Workload
	for _, o := range objects {
		pod := o.pod()
		if pod == nil {
			continue
		}
		for _, c := range pod.Containers {
			w := c.workload(sources)
			name := o.Metadata.Name
			if o.Metadata.Namespace != "" {
				name = o.Metadata.Namespace + "/" + name
			}
			w.Name = fmt.Sprintf("%s %s, container %s", o.Kind, name, c.Name)
			w.Where = fmt.Sprintf("%s:%d", o.file, c.line)
			list = append(list, w)
		}
	}
	return list, nil
}

// pod gives the pod that an object makes; nil when it makes none.
func (o object) pod() *podSpec {
	switch o.Kind {
	case "Pod":
		return &o.Spec.podSpec
	case "CronJob":
		return &o.Spec.JobTemplate.Spec.Template.Spec
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Service":
		if len(o.Spec.Template.Spec.Containers) > 0 {
			return &o.Spec.Template.Spec
		}
	}
	return nil
}

func decode(file string, text []byte) ([]object, error) {
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
		found, err := objectsOf(&node)
		if err != nil {
			return nil, invalid(file, err)
		}
		list = append(list, found...)
	}
}

func objectsOf(node *yaml.Node) ([]object, error) {
	if node.Kind == yaml.DocumentNode {
		if len(node.Content) == 0 {
			return nil, nil
		}
		node = node.Content[0]
	}
	if node.Kind != yaml.MappingNode {
		return nil, nil
	}
	var o object
	if err := node.Decode(&o); err != nil {
		return nil, err
	}
	list := []object{o}
	for i := range o.Items {
		inner, err := objectsOf(&o.Items[i])
		if err != nil {
			return nil, err
		}
		list = append(list, inner...)
	}
	return list, nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// invalid does not repeat what is in the file: it may hold secrets.
func invalid(file string, err error) error {
	p := &problem.Problem{
		ID: "check/manifest-invalid", Title: path.Base(file) + " is not understood", Where: problem.Position{File: file},
		Why: "it is not valid YAML, or not what Kubernetes or compose expect there", Hints: []string{"Try it with `kubectl apply --dry-run=client -f " + path.Base(file) + "`."},
	}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		_, _ = fmt.Sscan(found[1], &p.Where.Line)
	}
	return p
}

func newSource(o object) source {
	s := source{values: map[string]*string{}}
	for key := range o.BinaryData {
		s.values[key] = nil
	}
	for key, node := range o.Data {
		value := node.Value
		if o.Kind == "Secret" {
			plain, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				s.values[key] = nil
				continue
			}
			value = string(plain)
		}
		s.values[key] = &value
	}
	for key, node := range o.StringData {
		value := node.Value
		s.values[key] = &value
	}
	return s
}

// workload gives the variables that a container will have; later entries win over earlier ones, and env over envFrom.
func (c containerSpec) workload(sources map[string]source) Workload {
	w := Workload{
		Image: c.Image, Process: c.process(), Values: map[string]string{}, Hidden: map[string]string{}, Missing: map[string]string{},
	}
	for _, from := range c.EnvFrom {
		kind, ref := "ConfigMap", from.ConfigMap
		if ref == nil {
			kind, ref = "Secret", from.Secret
		}
		if ref == nil {
			continue
		}
		given, there := sources[kind+"/"+ref.Name]
		if !there {
			w.Unknown = append(w.Unknown, kind+" "+ref.Name)
			continue
		}
		for key, value := range given.values {
			w.set(from.Prefix+key, kind, ref.Name, value)
		}
	}
	for _, entry := range c.Env {
		delete(w.Hidden, entry.Name)
		switch {
		case entry.ValueFrom == nil:
			value := ""
			if entry.Value != nil {
				value = w.expand(*entry.Value)
			}
			w.Values[entry.Name] = value
		case entry.ValueFrom.ConfigMap != nil:
			w.refer(entry.Name, "ConfigMap", *entry.ValueFrom.ConfigMap, sources)
		case entry.ValueFrom.Secret != nil:
			w.refer(entry.Name, "Secret", *entry.ValueFrom.Secret, sources)
		default:
			w.Hidden[entry.Name] = "a field of the pod"
		}
	}
	return w
}

// set notes a variable from a ConfigMap or Secret; the value of a Secret counts as one that cannot be seen unless it can
// be judged without showing it.
func (w *Workload) set(name, kind, source string, value *string) {
	if value == nil {
		w.Hidden[name] = kind + " " + source
		return
	}
	w.Values[name] = *value
	if kind == "Secret" {
		w.Secrets = append(w.Secrets, name)
	}
}

func (w *Workload) refer(name, kind string, ref keyRef, sources map[string]source) {
	given, there := sources[kind+"/"+ref.Name]
	value, has := given.values[ref.Key]
	switch {
	case there && has:
		w.set(name, kind, ref.Name, value)
	case there && !ref.Optional:
		w.Missing[name] = fmt.Sprintf("the key %s of the %s %s", ref.Key, kind, ref.Name)
	case !there:
		w.Hidden[name] = kind + " " + ref.Name
	}
}

var variableReference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// expand follows $(NAME), as far as NAME is known: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/.
func (w *Workload) expand(text string) string {
	return variableReference.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := w.Values[found[2:len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// process gives the process type that a command names: "worker", or "/cnb/process/worker".
func (c containerSpec) process() string {
	if len(c.Command) == 0 {
		return ""
	}
	if name, ok := strings.CutPrefix(c.Command[0], "/cnb/process/"); ok {
		return name
	}
	if len(c.Command) == 1 && !strings.Contains(c.Command[0], "/") {
		return c.Command[0]
	}
	return ""
}
