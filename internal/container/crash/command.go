package crash

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Usage are the lines of these commands for the program's usage.
const Usage = `  gantry crash list [--json]   the latest crashes of the application in this container
  gantry crash show [NAME] [--json | --report]
                               one of them, the latest when none is named; as JSON; or Node.js' report of it
`

// Run carries out "gantry crash", and gives the exit code: 0, 1 when there is no such crash, 2 when the words are not
// understood.
func Run(arguments []string, s Store, out, log io.Writer) int {
	wrong := func() int {
		_, _ = fmt.Fprintf(log, "usage:\n%s", Usage)
		return 2
	}
	if len(arguments) == 0 {
		return wrong()
	}
	names, err := s.Names()
	if err != nil {
		_, _ = fmt.Fprintf(log, "gantry: %v\n", err)
		return 1
	}
	switch command, rest := arguments[0], arguments[1:]; {
	case command == "list" && len(rest) == 0:
		return s.list(names, out, log)
	case command == "list" && len(rest) == 1 && rest[0] == "--json":
		return s.listJSON(names, out, log)
	case command == "show":
		form := ""
		if last := len(rest) - 1; last >= 0 && (rest[last] == "--json" || rest[last] == "--report") {
			form, rest = rest[last], rest[:last]
		}
		if len(rest) > 1 {
			return wrong()
		}
		return s.show(names, rest, form, out, log)
	}
	return wrong()
}

func (s Store) list(names []string, out, log io.Writer) int {
	if len(names) == 0 {
		_, _ = fmt.Fprintf(out, "No crash is on record in %s.\n", s)
	}
	code := 0
	for _, name := range names {
		r, err := s.Load(name)
		if err != nil {
			_, _ = fmt.Fprintf(log, "gantry: %s\n", problem.Visible(err.Error()))
			code = 1
			continue
		}
		_, _ = fmt.Fprintf(out, "%s  %s  %s\n", problem.Visible(name), r.Time.UTC().Format(time.DateTime), problem.Visible(r.Message))
	}
	return code
}

// listJSON writes the list for programs, without the crashes' reports.
func (s Store) listJSON(names []string, out, log io.Writer) int {
	type listed struct {
		Name string `json:"name"`
		Record
	}
	list, code := []listed{}, 0
	for _, name := range names {
		r, err := s.Load(name)
		if err != nil {
			_, _ = fmt.Fprintf(log, "gantry: %s\n", problem.Visible(err.Error()))
			code = 1
			continue
		}
		r.Report = nil
		list = append(list, listed{name, r})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		_, _ = fmt.Fprintf(log, "gantry: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintf(out, "%s\n", text)
	return code
}

func (s Store) show(names, asked []string, form string, out, log io.Writer) int {
	if len(names) == 0 || len(asked) > 0 && !slices.Contains(names, asked[0]) {
		_, _ = fmt.Fprintf(log, "gantry: there is no such crash on record in %s; `gantry crash list` names those on record\n", s)
		return 1
	}
	name := names[0]
	if len(asked) > 0 {
		name = asked[0]
	}
	r, err := s.Load(name)
	if err != nil {
		_, _ = fmt.Fprintf(log, "gantry: %v\n", err)
		return 1
	}
	var value any = r
	if form == "--report" {
		if value = r.Report; r.Report == nil {
			_, _ = fmt.Fprintf(log, "gantry: there is no report of the runtime with this crash\n")
			return 1
		}
	}
	if form != "" {
		text, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			_, _ = fmt.Fprintf(log, "gantry: %v\n", err)
			return 1
		}
		_, _ = fmt.Fprintf(out, "%s\n", text)
		return 0
	}
	_, _ = fmt.Fprintf(out, "%s, process %d, %s\n%s\n", r.Time.UTC().Format(time.RFC3339), r.PID, problem.Visible(r.Runtime), problem.Visible(r.Command))
	_, _ = fmt.Fprint(out, r.text(max(len(r.Stack), len(r.Output))))
	return 0
}
