package manifests_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
)

var shop = contract.Contract{Variables: []contract.Variable{
	{Name: "DATABASE_URL", Type: "url", Schemes: []string{"postgres"}, Required: true, Secret: true, Processes: []string{"web", "worker"}},
	{Name: "LOG_LEVEL", Values: []string{"debug", "info"}},
	{Name: "NEW_KEY", Required: true, Processes: []string{"web"}},
	{Name: "QUEUE", Required: true, Processes: []string{"worker"}},
}}

// tell writes findings in short.
func tell(v manifests.Verdict) []string {
	var lines []string
	for _, f := range v.Findings {
		lines = append(lines, f.Kind+" "+f.Name+": "+f.What)
	}
	return lines
}

func kubernetes(t *testing.T, text string) []manifests.Workload {
	list, _, err := manifests.Kubernetes(map[string][]byte{"k.yaml": []byte(text)}, []string{"k.yaml"})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return list
}

// types are the process types of the image.
var types = []string{"web", "worker"}

// check compares a workload with a contract, as what it starts.
func check(c contract.Contract, w manifests.Workload) manifests.Verdict {
	return manifests.Check(c, w, w.Starts(types, "web"))
}

const objects = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LOG_LEVEL: loud, EXTRA_FLAG: "1"}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {database: "mysql://u:canary@h/db"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
        - name: app
          image: registry.example/shop:1
          envFrom:
            - configMapRef: {name: settings}
          env:
            - {name: DATABASE_URL, valueFrom: {secretKeyRef: {name: keys, key: database}}}
            - {name: NEW_KYE, value: x}
            - {name: PORT, value: "8080"}
`

func TestKubernetes(t *testing.T) {
	g := NewWithT(t)
	list := kubernetes(t, objects)
	g.Expect(list).To(HaveLen(1))
	w := list[0]
	g.Expect(w.Name).To(Equal("Deployment shop/web, container app"))
	g.Expect(w.Where).To(Equal("k.yaml:19"))
	g.Expect(w.Image).To(Equal("registry.example/shop:1"))
	verdict := check(shop, w)
	found := verdict.Findings
	g.Expect(verdict.Required).To(Equal(2))
	g.Expect(verdict.Set).To(Equal(1))
	g.Expect(tell(verdict)).To(Equal([]string{
		"malformed DATABASE_URL: is not what it must be; expected is a URL that begins with postgres://",
		`malformed LOG_LEVEL: is "loud"; expected is one of debug, info`,
		"missing NEW_KEY: is not set, and it is required; expected is a text",
		"unknown EXTRA_FLAG: is set, and the application does not declare it",
		"unknown NEW_KYE: is set, and the application does not declare it",
	}))
	g.Expect(found[2].Advice).To(Equal("NEW_KYE is set: is that a misspelling? If not, set NEW_KEY in the deployment."))
	g.Expect(found[4].Advice).To(Equal("Did you mean NEW_KEY?"))
}

// What is told apart: what is missing for certain, what refers to nothing, and what only the cluster knows.
func TestReferences(t *testing.T) {
	container := func(env string) string {
		return "kind: ConfigMap\nmetadata: {name: here}\ndata: {other: x}\n---\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: c\n" + env
	}
	for env, want := range map[string][]string{
		"      env: [{name: NEW_KEY, valueFrom: {secretKeyRef: {name: elsewhere, key: k}}}]": {
			"unverifiable NEW_KEY: comes from the Secret elsewhere; its value cannot be seen here"},
		"      env: [{name: NEW_KEY, valueFrom: {configMapKeyRef: {name: here, key: k}}}]": {
			"dangling NEW_KEY: refers to the key k of the ConfigMap here, which is not there"},
		"      env: [{name: NEW_KEY, valueFrom: {configMapKeyRef: {name: here, key: k, optional: true}}}]": {
			"missing NEW_KEY: is not set, and it is required; expected is a text"},
		"      envFrom: [{secretRef: {name: elsewhere}}]": {
			"unverifiable NEW_KEY: is not set here; it may come from the Secret elsewhere"},
		"      env: [{name: NEW_KEY, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]": {
			"unverifiable NEW_KEY: comes from a field of the pod; its value cannot be seen here"},
		"      env: [{name: NEW_KEY_FILE, value: /run/secrets/key}]": {
			"unverifiable NEW_KEY: comes from the file /run/secrets/key"},
		"      env: [{name: A_PORT, value: '5'}, {name: NEW_KEY, value: 'x$(A_PORT)'}]": {
			"unknown A_PORT: is set, and the application does not declare it"},
	} {
		w := kubernetes(t, container(env))[0]
		NewWithT(t).Expect(tell(check(contract.Contract{Variables: shop.Variables[2:3]}, w))).To(Equal(want), env)
	}
}

func TestKindsOfObjects(t *testing.T) {
	const pod = "{spec: {containers: [{name: c, command: [worker]}]}}"
	for _, text := range []string{
		"kind: StatefulSet\nmetadata: {name: x}\nspec: {template: " + pod + "}",
		"kind: Job\nmetadata: {name: x}\nspec: {template: " + pod + "}",
		"kind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: " + pod + "}}}",
		"kind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, command: [/cnb/process/worker]}]}",
		`{"kind": "List", "items": [{"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "command": ["worker"]}]}}}}]}`,
	} {
		list := kubernetes(t, text)
		NewWithT(t).Expect(list).To(HaveLen(1), text)
		NewWithT(t).Expect(list[0].Starts(types, "web").Process).To(Equal("worker"))
	}
	NewWithT(t).Expect(kubernetes(t, "kind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n---\n\n---\njust text")).To(BeEmpty())
	_, _, err := manifests.Kubernetes(map[string][]byte{"k.yaml": []byte("a: b\n  canary: [")}, []string{"k.yaml"})
	NewWithT(t).Expect(err).To(MatchError("k.yaml:2: k.yaml is not understood: it is not valid YAML, or not what Kubernetes or compose expect there [check/manifest-invalid]"))
}

func FuzzKubernetes(f *testing.F) {
	f.Add(objects)
	f.Add(`{"kind":"List","items":[{"kind":"List","items":[{}]}]}`)
	f.Add("services: {a: {environment: [x, y=1], env_file: b}}")
	f.Add("kind: Pod\nspec: {containers: [{name: c, env: [{name: A, value: \"$(B)$$(C)$\"}, {name: B, valueFrom: {x: 1}}], volumeMounts: [{name: v}]}], volumes: [{name: v, secret: {secretName: s}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		list, _, err := manifests.Kubernetes(map[string][]byte{"f": []byte(text)}, []string{"f"})
		if err != nil && strings.Contains(err.Error(), "internal") {
			t.Fatal(err)
		}
		more, _ := manifests.Compose(context.Background(), []manifests.ComposeFile{{Name: filepath.Join(t.TempDir(), "f"), Content: []byte(text)}}, nil)
		for _, w := range append(list, more...) {
			_ = check(shop, w)
		}
	})
}

func FuzzEnvFile(f *testing.F) {
	f.Add("A='x\ny'\nexport B=${A}\nKEY=-----BEGIN X-----\nabc==\n-----END X-----\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = manifests.EnvFile("f.env", []byte(text), nil)
		_ = manifests.DockerEnvFile("f.env", []byte(text), nil)
	})
}
