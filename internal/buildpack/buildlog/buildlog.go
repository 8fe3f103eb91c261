// Package buildlog is what people read while Gantry works. It knows how things look; it decides nothing.
//
// The rules of the output:
//   - One thought a line, in sentence case, without a full stop unless it is a sentence.
//   - Two spaces of indent; a column of subjects, then their values, then where they came from.
//   - Output of other programs is shown as it comes, behind "  | ". Text that is not Gantry's own passes problem.Visible.
//   - Colour only where it carries meaning (red: failed, yellow: warning, dim: origin), and not where NO_COLOR is set.
//   - What takes over two seconds is announced; over ten, it says that it goes on.
//   - Durations are in seconds with one decimal; sizes in MB of 1,000,000 bytes.
package buildlog

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Log writes to a file or a terminal; it may be used by several goroutines.
type Log struct {
	mu    sync.Mutex
	out   io.Writer
	color bool
	// announceAfter and remindAfter are the waiting times of the rules above.
	announceAfter, remindAfter time.Duration
	// spans are what the timeline shows.
	spans []Span
}

// New makes a report; color allows escape sequences.
func New(out io.Writer, color bool) *Log {
	return &Log{out: out, color: color, announceAfter: 2 * time.Second, remindAfter: 10 * time.Second}
}

const (
	red    = "31"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (r *Log) paint(code, text string) string {
	if !r.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (r *Log) printf(format string, arguments ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.out, format, arguments...)
}

// Title names the program.
func (r *Log) Title(text string) { r.printf("%s\n", r.paint(bold, text)) }

// Decisions prints what was decided, aligned.
func (r *Log) Decisions(list []plan.Decision) {
	subjects, values := 0, 0
	for _, d := range list {
		subjects, values = max(subjects, len(d.Subject)), max(values, min(len(d.Value), 40))
	}
	for _, d := range list {
		r.printf("  %-*s  %-*s  %s\n", subjects, problem.Visible(d.Subject), values, problem.Visible(d.Value), r.paint(dim, problem.Visible(d.Origin)))
	}
	r.printf("\n")
}

// Line prints a subject and what there is to say of it.
func (r *Log) Line(subject, text string) {
	now := time.Now()
	r.Note(Span{Subject: subject, Name: text, Start: now, End: now})
	r.line(subject, text)
}

func (r *Log) line(subject, text string) {
	r.printf("  %-10s  %s\n", problem.Visible(subject), problem.Visible(text))
}

// Warning prints something that the user should mend, though the build goes on.
func (r *Log) Warning(text string) {
	r.printf("%s\n\n", indent(wrap("Warning: "+problem.VisibleLines(text), 100), "  ", func(s string) string { return r.paint(yellow, s) }))
}

// worthNaming is how long the longest piece of work takes that the last line names.
const worthNaming = time.Second

// Done ends the report with the time that it all took, and with what took longest.
func (r *Log) Done(took time.Duration) {
	text := seconds(took)
	if longest, ok := r.Timeline().Longest(); ok && longest.Took() >= worthNaming && longest.Took() < took {
		text = fmt.Sprintf("%s of %s: %s", seconds(longest.Took()), text, longest.Name)
	}
	r.line("Done", text)
}

// Step announces work. The function it gives ends the step: with what came of it, or with "" when it failed.
func (r *Log) Step(subject, what string) (end func(result string)) {
	start, finished := time.Now(), make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		wait, text := r.announceAfter, what+" …"
		for {
			select {
			case <-finished:
				return
			case <-time.After(wait):
				r.line(subject, text)
				wait, text = r.remindAfter, what+" … still running"
			}
		}
	})
	return func(result string) {
		close(finished)
		waiting.Wait()
		r.Note(Span{Subject: subject, Name: cmp.Or(result, what), Start: start, End: time.Now()})
		if result != "" {
			r.line(subject, fmt.Sprintf("%s (%s)", result, seconds(time.Since(start))))
		}
	}
}

// Problem prints an error as a block that can be found and understood.
func (r *Log) Problem(p *problem.Problem) {
	r.printf("\n%s %s\n", r.paint(red, "Failed:"), r.problem(p))
}

// problem gives a problem from its title on, and its parts below it.
func (r *Log) problem(p *problem.Problem) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.paint(bold, problem.Visible(p.Title)), r.paint(dim, "["+p.ID+"]"))
	field := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-6s %s\n", name, strings.TrimLeft(indent(wrap(problem.VisibleLines(text), 100), "         ", nil), " "))
		}
	}
	field("where", p.Where.String())
	if p.Excerpt != "" {
		b.WriteString(indent(problem.VisibleLines(p.Excerpt), "         ", nil) + "\n")
	}
	field("why", p.Why)
	for i, hint := range p.Hints {
		field([]string{"do", "or"}[min(i, 1)], hint)
	}
	if p.Output != "" {
		b.WriteString(indent(problem.VisibleLines(strings.TrimRight(p.Output, "\n")), "  | ", nil) + "\n")
	}
	for _, part := range p.Parts {
		b.WriteString("\n" + indent(strings.TrimRight(r.problem(part), "\n"), "  ", nil) + "\n")
	}
	return b.String()
}

func indent(text, prefix string, paint func(string) string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if paint != nil {
			line = paint(line)
		}
		lines[i] = prefix + line
	}
	return strings.Join(lines, "\n")
}

// wrap breaks text between words so that no line is longer than width, where words allow.
func wrap(text string, width int) string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimLeft(line+" "+word, " ")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// Colored reports whether a file is a terminal that wants colour: https://no-color.org.
func Colored(file *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
