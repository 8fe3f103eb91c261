package manifests_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
)

// several is a contract whose rules meet each way in which Kubernetes sets a variable.
var several = contract.Contract{
	Variables: []contract.Variable{
		{Name: "A", Values: []string{"x", "y"}}, {Name: "B", Required: true}, {Name: "MODE", Values: []string{"free", "paid"}, Default: new(string)},
		{Name: "LICENCE", RequiredIf: contract.Conditions{"MODE=paid"}}, {Name: "URL", Type: "url"}, {Name: "P", Type: "int"}, {Name: "Q", Type: "int"},
		{Name: "NEW", RenamedFrom: []string{"OLD"}}, {Name: "VITE_X", Phase: "build"},
	},
	Groups:    []contract.Group{{Kind: "all-or-none", Names: []string{"P", "Q"}}},
	BuiltWith: map[string]string{"VITE_X": "built"},
}

// What a container gets of Kubernetes, by its rules.
func TestWhatKubernetesSets(t *testing.T) {
	pod := func(rest string) string {
		return "kind: Pod\nmetadata: {name: p, namespace: here}\nspec:\n  containers:\n    - name: c\n" + rest
	}
	const sources = "---\nkind: ConfigMap\nmetadata: {name: m, namespace: here}\ndata: {A: x, B: b}\n---\nkind: ConfigMap\nmetadata: {name: m, namespace: there}\ndata: {A: z}\n" +
		"---\nkind: Secret\nmetadata: {name: s, namespace: here}\ndata: {B: Y2FuYXJ5LTE=, A: Y2FuYXJ5LTI=}\n" +
		"---\nkind: ExternalSecret\nmetadata: {name: e, namespace: here}\nspec: {target: {name: made}, data: [{secretKey: B}]}\n" +
		"---\nkind: ExternalSecret\nmetadata: {name: all, namespace: here}\nspec: {dataFrom: [{extract: {key: k}}]}\n" +
		"---\nkind: SealedSecret\nmetadata: {name: sealed, namespace: here}\nspec: {encryptedData: {B: AgB}}\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"the ConfigMap of its own namespace": {text: pod("      envFrom: [{configMapRef: {name: m}}]\n") + sources, want: nil},
		"a ConfigMap of another namespace": {text: pod("      env: [{name: B, value: b}]\n      envFrom: [{configMapRef: {name: n}}]\n") + "---\nkind: ConfigMap\nmetadata: {name: n, namespace: there}\ndata: {A: z}\n",
			want: nil},
		"a prefix":         {text: pod("      envFrom: [{prefix: X_, configMapRef: {name: m}}]\n") + sources, want: []string{"missing B: is not set, and it is required; expected is a text", "unknown X_A: is set, and the application does not declare it", "unknown X_B: is set, and the application does not declare it"}},
		"env over envFrom": {text: pod("      envFrom: [{configMapRef: {name: m}}]\n      env: [{name: A, value: bad}]\n") + sources, want: []string{`malformed A: is "bad"; expected is one of x, y`}},
		"env of a source that is not seen, over envFrom": {text: pod("      envFrom: [{configMapRef: {name: m}}]\n      env: [{name: A, valueFrom: {secretKeyRef: {name: gone, key: k}}}]\n") + sources,
			want: []string{"unverifiable A: comes from the Secret gone; its value cannot be seen here"}},
		"a later envFrom that is not seen": {text: pod("      envFrom: [{configMapRef: {name: m}}, {configMapRef: {name: gone}}]\n") + sources,
			want: []string{"unverifiable B: comes from the ConfigMap gone, or what stands before it; its value cannot be seen here", "unverifiable A: comes from the ConfigMap gone, or what stands before it; its value cannot be seen here"}},
		"a secret's value under another name": {text: pod("      env: [{name: PW, valueFrom: {secretKeyRef: {name: s, key: A}}}, {name: A, value: $(PW)}, {name: B, value: b}]\n") + sources,
			want: []string{"malformed A: is not what it must be; expected is one of x, y", "unknown PW: is set, and the application does not declare it"}},
		"a secret's value within another": {text: pod("      env: [{name: PW, valueFrom: {secretKeyRef: {name: s, key: A}}}, {name: MIDDLE, value: \"<$(PW)>\"}, {name: A, value: \"x$(MIDDLE)\"}, {name: B, value: b}]\n") + sources,
			want: []string{"malformed A: is not what it must be; expected is one of x, y", "unknown MIDDLE: is set, and the application does not declare it", "unknown PW: is set, and the application does not declare it"}},
		"a reference that is not seen": {text: pod("      env: [{name: URL, value: \"http://$(X)/\"}, {name: B, value: b}]\n"), want: []string{"unverifiable URL: comes from $(X), which is not seen here; its value cannot be seen here"}},
		"a service's address": {text: pod("      env: [{name: URL, value: \"http://$(DB_SERVICE_HOST)/\"}, {name: B, value: b}, {name: API_SERVICE_PORT, value: '1'}]\n"),
			want: []string{"unverifiable URL: comes from $(DB_SERVICE_HOST), which Kubernetes sets for a service; its value cannot be seen here"}},
		"an escape":                  {text: pod("      env: [{name: A, value: \"$$(B)\"}, {name: B, value: b}]\n"), want: []string{`malformed A: is "$(B)"; expected is one of x, y`}},
		"an empty optional":          {text: pod("      env: [{name: B, value: b}, {name: A}]\n"), want: nil},
		"a number":                   {text: pod("      env: [{name: B, value: 5}]\n"), want: []string{"refused B: is a number, and Kubernetes accepts texts only"}},
		"yes, of YAML 1.1":           {text: pod("      env: [{name: B, value: yes}]\n"), want: []string{"refused B: is a boolean, and Kubernetes accepts texts only"}},
		"a quoted number":            {text: pod("      env: [{name: B, value: '5'}, {name: P, value: \"1\"}, {name: Q, value: !!str 2}]\n"), want: nil},
		"a ConfigMap's number":       {text: pod("      env: [{name: B, value: b}]\n") + "---\nkind: ConfigMap\nmetadata: {name: n}\ndata: {RETRIES: 5, COUNTRY: NO, OK: 'on', WHEN: 2026-01-01}\n", want: []string{"refused RETRIES: is a number, and Kubernetes accepts texts only", "refused COUNTRY: is a boolean, and Kubernetes accepts texts only"}},
		"a key of an ExternalSecret": {text: pod("      env: [{name: B, valueFrom: {secretKeyRef: {name: made, key: B}}}]\n") + sources, want: []string{"unverifiable B: comes from the Secret made; its value cannot be seen here"}},
		"no key of an ExternalSecret": {text: pod("      env: [{name: B, valueFrom: {secretKeyRef: {name: made, key: C}}}]\n") + sources,
			want: []string{"dangling B: refers to the key C of the Secret made, which the ExternalSecret e makes, which is not there"}},
		"an ExternalSecret of all keys": {text: pod("      envFrom: [{secretRef: {name: all}}]\n") + sources, want: []string{"unverifiable B: is not set here; it may come from the Secret all"}},
		"a SealedSecret":                {text: pod("      envFrom: [{secretRef: {name: sealed}}]\n") + sources, want: []string{"unverifiable B: comes from the Secret sealed; its value cannot be seen here"}},
		"a file of a Secret": {text: pod("      env: [{name: B_FILE, value: /etc/s/B}, {name: A_FILE, value: /etc/s/A}]\n      volumeMounts: [{name: v, mountPath: /etc/s/}]\n  volumes: [{name: v, secret: {secretName: s}}]\n") + sources,
			want: []string{"malformed A: is not what it must be; expected is one of x, y"}},
		"a file that no Secret holds": {text: pod("      env: [{name: B_FILE, value: /etc/s/C}]\n      volumeMounts: [{name: v, mountPath: /etc/s}]\n  volumes: [{name: v, secret: {secretName: s}}]\n") + sources,
			want: []string{"dangling B: is to be read from /etc/s/C, which no volume holds"}},
		"a file of a key that is not there": {text: pod("      env: [{name: B_FILE, value: /etc/s/b}]\n      volumeMounts: [{name: v, mountPath: /etc/s}]\n  volumes: [{name: v, secret: {secretName: s, items: [{key: Z, path: b}]}}]\n") + sources,
			want: []string{"dangling /etc/s/b: is to come from the key Z of the Secret s, which is not there"}},
		"a file of a volume that is not seen": {text: pod("      env: [{name: B_FILE, value: /etc/s/b}]\n      volumeMounts: [{name: v, mountPath: /etc/s}]\n  volumes: [{name: v, csi: {driver: d}}]\n"),
			want: []string{"unverifiable B: comes from the file /etc/s/b"}},
		"a condition on what is not seen": {text: pod("      env: [{name: B, value: b}, {name: MODE, valueFrom: {secretKeyRef: {name: gone, key: k}}}]\n"),
			want: []string{"unverifiable MODE: comes from the Secret gone; its value cannot be seen here", "unverifiable LICENCE: is not set; whether it is required depends on MODE, which comes from the Secret gone"}},
		"a group of which one is not seen": {text: pod("      env: [{name: B, value: b}, {name: P, value: '1'}, {name: Q, valueFrom: {secretKeyRef: {name: gone, key: k}}}]\n"),
			want: []string{"unverifiable P, Q: belong together, and Q comes from the Secret gone", "unverifiable Q: comes from the Secret gone; its value cannot be seen here"}},
		"an old name that is not seen":      {text: pod("      env: [{name: B, value: b}, {name: OLD, valueFrom: {secretKeyRef: {name: gone, key: k}}}]\n"), want: []string{"unverifiable NEW: comes from the Secret gone; its value cannot be seen here"}},
		"a variable of the build":           {text: pod("      env: [{name: B, value: b}, {name: VITE_X, value: other}]\n"), want: []string{"built-in VITE_X: has another value than the image was built with; setting it here changes nothing"}},
		"JSON with tabs and escapes":        {text: "{\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"p\"},\n\t\"spec\": {\"containers\": [{\"name\": \"c\", \"env\": [{\"name\": \"URL\", \"value\": \"http:\\/\\/h\"}, {\"name\": \"B\", \"value\": \"tab\\there\"}]}]}\n}\n", want: nil},
		"JSON, one a line":                  {text: `{"kind":"ConfigMap","metadata":{"name":"m"},"data":{"B":"b"}}` + "\n" + `{"kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","envFrom":[{"configMapRef":{"name":"m"}}]}]}}` + "\n", want: nil},
		"a list of merges":                  {text: "x: &a {A: x}\ny: &b {B: b, A: y}\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, envFrom: [{configMapRef: {name: m}}]}]}\n---\nx: &a {A: x}\ny: &b {B: b, A: y}\nkind: ConfigMap\nmetadata: {name: m}\ndata: {<<: [*a, *b]}\n", want: nil},
		"a key twice":                       {text: pod("      env: [{name: A, value: bad}]\n      env: [{name: B, value: b}]\n"), want: nil},
		"a prefix that does not fit":        {text: pod("      env: [{name: A, value: x}]\n      envFrom: [{prefix: X_, secretRef: {name: gone}}]\n"), want: []string{"missing B: is not set, and it is required; expected is a text"}},
		"an optional key that is not there": {text: pod("      envFrom: [{configMapRef: {name: m}}]\n      env: [{name: B, valueFrom: {configMapKeyRef: {name: m, key: z, optional: true}}}]\n") + sources, want: nil},
		"binaryData is no variable":         {text: pod("      envFrom: [{configMapRef: {name: n}}]\n") + "---\nkind: ConfigMap\nmetadata: {name: n}\nbinaryData: {B: YQ==}\n", want: []string{"missing B: is not set, and it is required; expected is a text"}},
		"no base64":                         {text: pod("      env: [{name: B, value: b}]\n") + "---\nkind: Secret\nmetadata: {name: n}\ndata: {B: 'canary://x'}\n", want: []string{"refused B: is not base64, which data of a Secret must be"}},
		"a tagged number":                   {text: pod("      env: [{name: B, value: !!int \"5\"}]\n"), want: []string{"refused B: is a number, and Kubernetes accepts texts only"}},
		"value and valueFrom":               {text: pod("      env: [{name: B, value: b, valueFrom: {fieldRef: {fieldPath: x}}}]\n"), want: []string{"refused B: has a value and a valueFrom, and Kubernetes accepts one of them", "unverifiable B: comes from a field of the pod; its value cannot be seen here"}},
		"no name":                           {text: pod("      env: [{value: b}, {name: B, value: b}]\n"), want: []string{"refused a variable: has no name, or one with =, and Kubernetes accepts neither"}},
		"a Secret of two namespaces": {text: "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}\n---\nkind: Secret\nmetadata: {name: s, namespace: a}\nstringData: {k: x}\n---\nkind: Secret\nmetadata: {name: s, namespace: b}\n",
			want: []string{"unverifiable B: comes from the Secret s; its value cannot be seen here"}},
		"the value itself in NAME_FILE": {text: pod("      env: [{name: B_FILE, value: 'postgres://u:canary@h/db'}, {name: A_FILE, valueFrom: {secretKeyRef: {name: s, key: A}}}]\n") + sources,
			want: []string{"unverifiable A: comes from the file that A_FILE names", "unverifiable B: comes from the file that B_FILE names"}},
		"preflight":             {text: pod("      command: [preflight]\n"), want: []string{"missing B: is not set, and it is required; expected is a text"}},
		"halves of a character": {text: `{"kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","env":[{"name":"B","value":"\ud83d\ude00"}]}]}}`, want: nil},
		"an anchor":             {text: "x: &e [{name: B, value: b}]\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: *e}]}\n", want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			list := kubernetes(t, c.text)
			g.Expect(list).To(HaveLen(1))
			lines := tell(check(several, list[0]))
			g.Expect(lines).To(Equal(c.want))
			for _, line := range lines {
				g.Expect(line).NotTo(ContainSubstring("canary"))
			}
		})
	}
}

// What a container starts.
func TestWhatAContainerStarts(t *testing.T) {
	for name, c := range map[string]struct {
		command, args []string
		standard      string
		want          manifests.Start
	}{
		"the default":               {standard: "web", want: manifests.Start{Process: "web"}},
		"arguments of the default":  {args: []string{"--x"}, standard: "web", want: manifests.Start{Process: "web"}},
		"a type as an argument":     {args: []string{"worker"}, standard: "web", want: manifests.Start{Process: "web", Passed: "worker"}},
		"no default":                {args: []string{"worker"}, want: manifests.Start{Process: "worker"}},
		"a name":                    {command: []string{"worker"}, standard: "web", want: manifests.Start{Process: "worker"}},
		"a name and arguments":      {command: []string{"worker", "-v"}, standard: "web", want: manifests.Start{Process: "worker"}},
		"a path":                    {command: []string{"/cnb/process/worker"}, standard: "web", want: manifests.Start{Process: "worker"}},
		"the launcher":              {command: []string{"launcher"}, args: []string{"worker"}, standard: "web", want: manifests.Start{Process: "worker"}},
		"the launcher's path":       {command: []string{"/cnb/lifecycle/launcher", "worker"}, standard: "web", want: manifests.Start{Process: "worker"}},
		"the launcher alone":        {command: []string{"launcher"}, standard: "web", want: manifests.Start{Process: "web"}},
		"a command of the launcher": {command: []string{"launcher"}, args: []string{"node", "migrate.js"}, standard: "web", want: manifests.Start{Command: []string{"node", "migrate.js"}}},
		"a command behind --":       {command: []string{"launcher", "--", "worker"}, standard: "web", want: manifests.Start{Command: []string{"worker"}}},
		"a command past it":         {command: []string{"sh", "-c", "x"}, standard: "web", want: manifests.Start{Command: []string{"sh", "-c", "x"}}},
		"a misspelling":             {command: []string{"wrker"}, standard: "web", want: manifests.Start{Unknown: "wrker", Likely: "worker"}},
		"a misspelt path":           {command: []string{"/cnb/process/wrker"}, standard: "web", want: manifests.Start{Unknown: "wrker", Likely: "worker"}},
		"a misspelling behind it":   {command: []string{"launcher"}, args: []string{"wroker"}, standard: "web", want: manifests.Start{Unknown: "wroker", Likely: "worker"}},
		"Gantry's own":              {command: []string{"preflight"}, standard: "web", want: manifests.Start{Process: "preflight"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := manifests.Workload{Command: c.command, Args: c.args}
			NewWithT(t).Expect(w.Starts(types, c.standard)).To(Equal(c.want))
		})
	}
}

// An alias that contains itself has no end.
func TestEndlessAliases(t *testing.T) {
	for _, text := range []string{"kind: Pod\nmetadata: &a {name: x, <<: *a}\n", "kind: ConfigMap\nmetadata: {name: x}\ndata: &d\n  <<: *d\n"} {
		_, _, err := manifests.Kubernetes(map[string][]byte{"k.yaml": []byte(text)}, []string{"k.yaml"})
		NewWithT(t).Expect(err).To(HaveOccurred())
	}
}

// What is not looked at is told of, and why.
func TestWhatIsSkipped(t *testing.T) {
	g := NewWithT(t)
	workloads, skipped, err := manifests.Kubernetes(map[string][]byte{"k.yaml": []byte(`
kind: Rollout
metadata: {name: r}
spec: {workloadRef: {name: web}}
---
kind: Widget
metadata: {name: w}
spec: {template: 3}
---
kind: Service
metadata: {name: knative}
spec: {template: {spec: {containers: [{image: x}]}}}
---
kind: Service
metadata: {name: plain}
spec: {ports: [{port: 80}]}
---
kind: Deployment
metadata: {name: broken}
spec: {template: {spec: {containers: text}}}
---
kind: Deployment
metadata: {name: sidecar}
spec: {template: {spec: {initContainers: [{name: i, image: x}, {name: s, image: x, restartPolicy: Always}], containers: [{name: c, image: x}]}}}
`)}, []string{"k.yaml"})
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, w := range workloads {
		names = append(names, w.Name)
	}
	g.Expect(names).To(Equal([]string{"Service knative, container", "Deployment sidecar, init container i", "Deployment sidecar, init container s", "Deployment sidecar, container c"}))
	g.Expect(workloads[1].Init).To(BeTrue())
	g.Expect(workloads[2].Init).To(BeFalse(), "one that always restarts runs next to the others")
	g.Expect(skipped).To(Equal([]manifests.Skipped{
		{What: "Rollout r", Why: "its pods are those of another object (workloadRef), which is checked where it is given", Where: "k.yaml:2"},
		{What: "Widget w", Why: "it has no containers at spec.template.spec", Where: "k.yaml:6"},
		{What: "Deployment broken", Why: "it has no containers", Where: "k.yaml:18"},
	}))
}
