package check

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Export writes a contract in another format.
func Export(ctx context.Context, reference, dir, format, name string, out io.Writer) error {
	s, err := find(ctx, reference, dir)
	if err != nil {
		return err
	}
	text, err := s.contract.Export(format, name)
	if err != nil {
		return &problem.Problem{ID: "check/format", Title: "the format is not known", Why: err.Error(), Hints: []string{"Choose one of them: --format NAME."}}
	}
	_, err = io.WriteString(out, text)
	return err
}

// Init writes a first contract, for project.toml: what an .env.example says (from), and what the code reads. What is
// declared already is left out.
func Init(dir, from string, out io.Writer) error {
	source := app.Open(dir)
	declared, err := declare.Open(source)
	if err != nil {
		return err
	}
	list, where := declared.Variables[:0:0], map[string]string{}
	if from != "" {
		content, err := os.ReadFile(from)
		if err != nil {
			return &problem.Problem{ID: "check/unreadable", Title: from + " cannot be read", Why: err.Error(), Hints: []string{"Give an .env.example or .env.schema."}, Err: err}
		}
		for _, v := range declare.DotEnv(string(content)) {
			if declared.Variable(v.Name) == nil {
				list = append(list, v)
				declared.Variables = append(declared.Variables, v)
			}
		}
	}
	for _, use := range declare.Undeclared(declare.Scan(source), declared) {
		v := declare.Guess(use.Name)
		list = append(list, v)
		where[use.Name] = use.Where.String()
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(out, "# The code reads no variable that is not declared.")
		return err
	}
	_, err = fmt.Fprintf(out, "# A first contract, made of the names alone: look at each line, then put it into project.toml.\n\n%s", declare.Draft(list, where))
	return err
}

// slack is what a container needs to end besides its requests.
const slack = 5 * time.Second

// DeployHints prints what a Deployment needs so that an application's requests survive a rollout. delay is how long it
// goes on serving after SIGTERM (BPL_DRAIN_DELAY).
func DeployHints(dir string, delay time.Duration, out io.Writer) error {
	chosen, err := settings.Table(nil).Read(app.Open(dir), os.LookupEnv)
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
	var text strings.Builder
	fmt.Fprintf(&text, `# %s
spec:
  strategy:
    rollingUpdate:
      maxUnavailable: 0          # an old pod goes only when a new one is ready
      maxSurge: 1
  progressDeadlineSeconds: 300   # when to report that a rollout does not come forward
  template:
    spec:
      terminationGracePeriodSeconds: %d
      containers:
        - name: app
          env:
            - { name: BPL_DRAIN_DELAY, value: %s }   # serves on while load balancers notice; no preStop hook is needed
          readinessProbe:
            httpGet: { path: /, port: 8080 }
            periodSeconds: 2
            failureThreshold: 3
`, comment, int((grace+delay)/time.Second), delay)
	_, err = io.WriteString(out, text.String())
	return err
}
