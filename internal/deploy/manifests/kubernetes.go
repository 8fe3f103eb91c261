package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kubernetes reads objects of several files together, so that references between them can be followed. What is skipped has a reason.
func Kubernetes(files map[string][]byte, order []string) ([]Workload, []Skipped, error) {
	var all []object
	for _, file := range order {
		found, err := objects(file, files[file])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
	}
	known, refused := sourcesOf(all)
	var workloads []Workload
	var skipped []Skipped
	for _, o := range all {
		found, why := o.workloads(known)
		workloads = append(workloads, found...)
		if why != "" {
			skipped = append(skipped, Skipped{o.String(), why, o.where(o.node)})
		}
	}
	if len(workloads) > 0 {
		// An object that is refused keeps the whole from being applied.
		workloads[0].Refused = append(refused, workloads[0].Refused...)
	}
	return workloads, skipped, nil
}

// podKinds are kinds whose pod stands at another place than spec.template.spec, which most have: Deployments, StatefulSets, DaemonSets, Jobs,
// Rollouts of Argo, Services of Knative.
var podKinds = map[string][]string{
	"Pod": {"spec"}, "CronJob": {"spec", "jobTemplate", "spec", "template", "spec"}, "PodTemplate": {"template", "spec"},
}

// noWorkload are kinds that start nothing and need no line.
var noWorkload = []string{
	"ConfigMap", "Secret", "ExternalSecret", "SealedSecret", "Service", "Ingress", "Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
	"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "CustomResourceDefinition", "SecretStore", "ClusterSecretStore",
	"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate", "Issuer", "ClusterIssuer", "Gateway", "HTTPRoute", "VirtualService", "LimitRange", "ResourceQuota", "PriorityClass", "Kustomization",
}

// workloads gives the containers of an object, or why it has none.
func (o object) workloads(known sources) ([]Workload, string) {
	place := podKinds[o.kind]
	if place == nil {
		place = []string{"spec", "template", "spec"}
	}
	pod := get(o.node, place...)
	containers := list(child(pod, "containers"))
	switch {
	case len(containers) == 0 && get(o.node, "spec", "workloadRef") != nil:
		return nil, "its pods are those of another object (workloadRef), which is checked where it is given"
	case len(containers) == 0 && (slices.Contains(noWorkload, o.kind) || podKinds[o.kind] == nil && pod == nil):
		if slices.Contains(noWorkload, o.kind) {
			return nil, ""
		}
		return nil, "it has no containers at " + strings.Join(place, ".")
	case len(containers) == 0:
		return nil, "it has no containers"
	}
	volumes := o.volumes(pod, known)
	var found []Workload
	for _, init := range []bool{true, false} {
		name := "containers"
		if init {
			name = "initContainers"
		}
		for _, c := range list(child(pod, name)) {
			if c = followed(c); c.Kind != yaml.MappingNode {
				return nil, "its containers are not understood"
			}
			found = append(found, o.workload(c, init, known, volumes))
		}
	}
	return found, ""
}

func (o object) workload(c *yaml.Node, init bool, known sources, volumes map[string]volume) Workload {
	w := Workload{
		Container: scalar(child(c, "name")), Where: o.where(c), Image: scalar(child(c, "image")), Init: init && scalar(child(c, "restartPolicy")) != "Always",
		Command: scalars(child(c, "command")), Args: scalars(child(c, "args")),
	}
	kind := "container"
	if init {
		kind = "init container"
	}
	w.Name = strings.TrimSpace(fmt.Sprintf("%s, %s %s", o, kind, w.Container))
	w.Values, w.Unknown = o.from(list(child(c, "envFrom")), known)
	for _, entry := range list(child(c, "env")) {
		name, value := scalar(child(entry, "name")), child(entry, "value")
		if name == "" || strings.Contains(name, "=") {
			w.Refused = append(w.Refused, Finding{Workload: w.Name, Where: o.where(entry), Name: "a variable", Kind: "refused", What: "has no name, or one with =, and Kubernetes accepts neither", Advice: "Give it a name."})
			continue
		}
		if what := notText(value); what != "" {
			f := o.refuses(value, name, what)
			f.Workload = w.Name
			w.Refused = append(w.Refused, f)
		}
		if from := child(entry, "valueFrom"); from != nil {
			// An optional key that is not there leaves what envFrom has set.
			if v, set := o.reference(from, known); set {
				w.Values[name] = v
			}
			if value != nil {
				w.Refused = append(w.Refused, Finding{Workload: w.Name, Where: o.where(value), Name: name, Kind: "refused", What: "has a value and a valueFrom, and Kubernetes accepts one of them", Advice: "Remove one."})
			}
			continue
		}
		w.Values[name] = w.expand(scalar(value))
	}
	w.Files, w.Mounts = mounted(c, volumes)
	for _, file := range slices.Sorted(maps.Keys(w.Files)) {
		if missing := w.Files[file].Missing; missing != "" {
			w.Refused = append(w.Refused, Finding{Workload: w.Name, Where: w.Where, Name: file, Kind: "dangling", What: "is to come from " + missing + ", which is not there", Advice: "Add it, or mark it as optional: the container does not start without it."})
		}
	}
	return w
}

// from reads envFrom: later entries win over earlier ones.
func (o object) from(entries []*yaml.Node, known sources) (values map[string]Value, unknown []Unseen) {
	values = map[string]Value{}
	for _, entry := range entries {
		kind, ref := "ConfigMap", child(entry, "configMapRef")
		if ref == nil {
			kind, ref = "Secret", child(entry, "secretRef")
		}
		name, prefix := scalar(child(ref, "name")), scalar(child(entry, "prefix"))
		if name == "" {
			continue
		}
		found, there := known.find(kind, o.namespace, name)
		if !there || found.open {
			unknown = append(unknown, Unseen{"the " + kind + " " + name, prefix})
		}
		if !there {
			// What it holds may stand for what came before.
			for key, value := range values {
				if value.seen() && strings.HasPrefix(key, prefix) {
					values[key] = Value{Secret: value.Secret, From: "the " + kind + " " + name + ", or what stands before it"}
				}
			}
		}
		for key, value := range found.values {
			values[prefix+key] = value
		}
	}
	return values, unknown
}

func (o object) reference(from *yaml.Node, known sources) (Value, bool) {
	for field, kind := range map[string]string{"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"} {
		if ref := child(from, field); ref != nil {
			return known.at(kind, o.namespace, scalar(child(ref, "name")), scalar(child(ref, "key")), scalar(child(ref, "optional")) == "true")
		}
	}
	return Value{From: "a field of the pod"}, true
}

// serviceLink reports whether Kubernetes sets a variable of this name for a service of the namespace:
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
func serviceLink(name string) bool {
	for _, end := range []string{"_SERVICE_HOST", "_SERVICE_PORT"} {
		if strings.HasSuffix(name, end) || strings.Contains(name, "_SERVICE_PORT_") {
			return true
		}
	}
	return false
}

// expand follows $(NAME), as far as NAME is known, and $$ for a single $:
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/. What refers to a secret is one.
func (w Workload) expand(text string) Value {
	var out strings.Builder
	result := Value{}
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		switch end := strings.IndexByte(text[i:], ')'); {
		case text[i+1] == '$':
			out.WriteByte('$')
			i++
		case text[i+1] == '(' && end > 0:
			name := text[i+2 : i+end]
			i += end
			value, set := w.Values[name]
			result.Secret = result.Secret || value.Secret
			switch {
			case set && value.seen():
				out.WriteString(value.Text)
			case set && value.From != "":
				result.From = value.From
			case set:
				result.Missing = value.Missing
			case serviceLink(name):
				result.From = "$(" + name + "), which Kubernetes sets for a service"
			default:
				result.From = "$(" + name + "), which is not seen here"
			}
		default:
			out.WriteByte('$')
		}
	}
	if result.seen() {
		result.Text = out.String()
	}
	return result
}
