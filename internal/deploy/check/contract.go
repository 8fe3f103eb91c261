package check

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/contract/export"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
	"github.com/gantry-buildpack/gantry/internal/source/writes"
)

// Export writes a contract in another format.
func Export(ctx context.Context, reference, dir, format, name string, environ []string, out io.Writer) error {
	if format == "configmap" && !objectName.MatchString(name) {
		return &problem.Problem{ID: "check/name", Title: fmt.Sprintf("%q cannot be the name of a ConfigMap", name), Hints: []string{"Use lower-case letters, digits, - and .: --name my-app."}}
	}
	s, err := find(ctx, reference, dir, environ)
	if err != nil {
		return err
	}
	text, err := export.Write(s.contract, format, name)
	if err != nil {
		return &problem.Problem{ID: "check/format", Title: "the format is not known", Why: err.Error(), Hints: []string{"Choose one of them: --format NAME."}}
	}
	_, err = io.WriteString(out, text)
	return err
}

// objectName is https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names.
var objectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// Init writes a first contract, for project.toml: what an .env.example or .env.schema says (from), and what the code reads. What is
// declared already is left out.
func Init(dir, from string, environ []string, out io.Writer) error {
	source := app.Open(dir)
	declared, err := resolve.Declared(source, lookup(environ))
	if err != nil {
		return err
	}
	list, where := declared.Variables[:0:0], map[string]string{}
	if from != "" {
		variables, err := read(from)
		if err != nil {
			return err
		}
		for _, v := range variables {
			if declared.Variable(v.Name) == nil {
				list = append(list, v)
				declared.Variables = append(declared.Variables, v)
			}
		}
	}
	for _, use := range declare.Undeclared(declare.Scan(source), declared) {
		list = append(list, use.Variable)
		where[use.Name] = use.Where.String()
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(out, "# The code reads no variable that is not declared.")
		return err
	}
	_, err = fmt.Fprintf(out, "# A first contract, made of what the code and the names tell: look at each line, then put it into project.toml.\n\n%s", declare.Draft(list, where))
	return err
}

// read gives the variables of an .env.example or .env.schema.
func read(file string) ([]contract.Variable, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, &problem.Problem{ID: "check/unreadable", Title: file + " cannot be read", Why: err.Error(), Hints: []string{"Give an .env.example or .env.schema."}, Err: err}
	}
	if declare.IsEnvSchema(file, string(content)) {
		return declare.EnvSchema(string(content)), nil
	}
	return declare.DotEnv(string(content)), nil
}

// slack is what a container needs to end besides its requests.
const slack = 5 * time.Second

// DeployHints prints what a Deployment needs so that an application's requests survive a rollout, and the variables of its contract. delay is how
// long it goes on serving after SIGTERM (BPL_DRAIN_DELAY).
func DeployHints(dir string, delay time.Duration, environ []string, out io.Writer) error {
	if delay < 0 {
		return &problem.Problem{ID: "check/delay", Title: "a delay cannot be negative", Hints: []string{"Give a time such as --delay 5s, or 0s for none."}}
	}
	chosen, err := settings.Table(nil).Read(app.Open(dir), lookup(environ))
	if err != nil {
		return err
	}
	s, err := ofFolder(dir, environ)
	if err != nil {
		return err
	}
	timeout, comment := 30*time.Second, "no [dev.gantry.drain] timeout is set: Kubernetes' own 30 s"
	if chosen.DrainTimeout.Value != "" {
		if timeout, err = time.ParseDuration(chosen.DrainTimeout.Value); err != nil {
			return err
		}
		comment = "requests may take " + timeout.String() + ", from " + chosen.DrainTimeout.Origin
	}
	grace := timeout + slack
	if chosen.DrainTimeout.Value == "" {
		grace = timeout
	}
	places := writes.Find(app.Open(dir))
	strategy := `    rollingUpdate:
      maxUnavailable: 0          # an old pod goes only when a new one is ready
      maxSurge: 1
`
	if slices.ContainsFunc(places, func(p writes.Place) bool { return p.Kept }) {
		strategy = "    type: Recreate               # two pods must not have one database file open: requests fail while a rollout replaces it\n"
	}
	port := "            - { name: PORT, value: \"8080\" }   # where it listens, and where it is asked below\n"
	if s.contract.Variable("PORT") != nil {
		port = ""
	}
	var text strings.Builder
	fmt.Fprintf(&text, `# %s
spec:
  strategy:
%s  progressDeadlineSeconds: 300   # when to report that a rollout does not come forward
  template:
    spec:
      terminationGracePeriodSeconds: %d
      securityContext:
        runAsNonRoot: true
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: app
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          ports:
            - { containerPort: 8080 }
          env:
%s            - { name: BPL_DRAIN_DELAY, value: %s }   # serves on while load balancers notice; no preStop hook is needed
%s          readinessProbe:
            httpGet: { path: /, port: 8080 }
            periodSeconds: 2
            failureThreshold: 3
%s`, comment, strategy, int((grace+delay)/time.Second), port, delay, indent(export.Environment(s.contract.For("web"), "app"), "            "), volumes(places))
	_, err = io.WriteString(out, text.String())
	return err
}

// longestName is that of a label, less a number behind it and "app-" before it.
const longestName = 63 - 8

// volumeName makes a folder's path a name.
func volumeName(folder string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(folder), "-"), "-")
	if len(name) > longestName {
		name = strings.Trim(name[len(name)-longestName:], "-")
	}
	return cmp.Or(name, "data")
}

// notInNames is what the name of a volume cannot have: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names.
var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// volumes writes what a pod needs with a read-only file system: a folder for temporary files, and those where the application writes next to its own files.
func volumes(places []writes.Place) string {
	mounts := "            - { name: tmp, mountPath: /tmp }\n"
	list := "        - { name: tmp, emptyDir: {} }\n"
	used := map[string]int{"tmp": 1}
	for _, p := range places {
		name := volumeName(p.Folder)
		if used[name]++; used[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, used[name])
		}
		mounts += fmt.Sprintf("            - { name: %s, mountPath: /workspace/%s }   # %s\n", name, p.Folder, p.Where)
		if p.Kept {
			list += fmt.Sprintf("        - { name: %s, persistentVolumeClaim: { claimName: app-%s } }   # what is written there must outlive the pod: make the claim\n", name, name)
		} else {
			list += fmt.Sprintf("        - { name: %s, emptyDir: {} }   # ends with the pod; a persistentVolumeClaim keeps what is written\n", name)
		}
	}
	return "          volumeMounts:\n" + mounts + "      volumes:\n" + list
}

func indent(text, by string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(by + line)
	}
	return out.String()
}
