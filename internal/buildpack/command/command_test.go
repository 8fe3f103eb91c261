package command_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func runner(t *testing.T) (command.Runner, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return command.Runner{Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "A=1"}, Output: out}, out
}

func TestOutputAndEnvironment(t *testing.T) {
	g := NewWithT(t)
	r, out := runner(t)
	g.Expect(r.Run(context.Background(), plan.Command{Title: "x", Args: []string{"sh", "-c", "echo $A; echo err >&2"}})).To(Succeed())
	g.Expect(out.String()).To(Equal("1\nerr\n"))
}

func TestFailuresWordForWord(t *testing.T) {
	known := []plan.Failure{{Shows: "code E1", Quote: regexp.MustCompile(`(?m)^line (.*)$`), ID: "x/known", Title: "known", Where: "file", Hints: []string{"mend it"}}}
	for _, c := range []struct {
		args []string
		want string
	}{
		{args: []string{"sh", "-c", "exit 3"}, want: "step failed: it ended with exit code 3 [run/failed]"},
		{args: []string{"sh", "-c", "kill -9 $$"}, want: "step failed: it was ended by a signal: killed [run/failed]"},
		{args: []string{"no-such-program"}, want: "step could not be started: there is no program no-such-program on PATH [run/not-found]"},
		{args: []string{"sh", "-c", "for i in 1 2 3 4 5 6 7; do echo line $i; done; echo code E1; exit 1"}, want: "file: known: 1; 2; 3; 4; 5; and 2 more [x/known]"},
	} {
		r, _ := runner(t)
		err := r.Run(context.Background(), plan.Command{Title: "step", Args: c.args, Failures: known})
		NewWithT(t).Expect(err).To(MatchError(c.want))
		NewWithT(t).Expect(problem.As(err).ID).NotTo(Equal("gantry/internal"))
	}
}

func TestRemarks(t *testing.T) {
	r, _ := runner(t)
	var warnings []string
	r.Warn = func(text string) { warnings = append(warnings, text) }
	remark := plan.OutputWarning{Quote: regexp.MustCompile(`(?m)left out: (\w+)`), Title: "Some are left out", Hint: "Approve them."}
	for _, output := range []string{"left out: a", "nothing", "left out: b; exit 1"} {
		_ = r.Run(context.Background(), plan.Command{Args: []string{"sh", "-c", "echo " + output}, Warnings: []plan.OutputWarning{remark}})
	}
	NewWithT(t).Expect(warnings).To(Equal([]string{"Some are left out: a. Approve them."}))
}

func TestInterruptEndsWhatWasStarted(t *testing.T) {
	g := NewWithT(t)
	r, _ := runner(t)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := r.Run(ctx, plan.Command{Title: "x", Args: []string{"sh", "-c", "sleep 60 & wait"}})
	g.Expect(errors.Is(err, context.DeadlineExceeded)).To(BeTrue())
	g.Expect(time.Since(start)).To(BeNumerically("<", 20*time.Second))
}

// A program that hides in a session of its own, and ignores signals, ends with the step that left it, and so does what it starts.
func TestOrphansEnd(t *testing.T) {
	g := NewWithT(t)
	g.Expect(command.AdoptOrphans()).To(Succeed())
	r, _ := runner(t)
	file := filepath.Join(r.Dir, "alive")
	hidden := `trap "" TERM HUP INT; (setsid sh -c 'trap "" TERM; while :; do date +%s%N > ` + file + `; sleep 0.02; done' & ) ; while :; do sleep 0.05; done`
	// Its output is closed: else the step would wait for it.
	g.Expect(r.Run(context.Background(), plan.Command{Title: "x", Args: []string{"sh", "-c", "setsid sh -c '" + strings.ReplaceAll(hidden, "'", `'"'"'`) + "' >/dev/null 2>&1 </dev/null & while ! [ -s " + file + " ]; do sleep 0.02; done"}})).To(Succeed())
	last, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Consistently(func() string { text, _ := os.ReadFile(file); return string(text) }, "500ms").Should(Equal(string(last)))
}
