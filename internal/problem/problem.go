// Package problem is the one kind of error that people see: what happened, where, why, and what to do next.
// It knows how a problem reads; it never prints.
package problem

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in a file of the application. Line and Column count from 1; zero means "not known".
type Position struct {
	File         string
	Line, Column int
}

// String gives file:line:column, as far as it is known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// At turns a byte offset into a position; columns count characters, as editors do.
func At(file string, text []byte, offset int) Position {
	offset = max(0, min(offset, len(text)))
	before := string(text[:offset])
	start := strings.LastIndexByte(before, '\n') + 1
	return Position{
		File:   file,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1,
	}
}

// Problem is an error made for a person. It must not contain secrets.
type Problem struct {
	// ID is stable: people search for it and scripts match it, e.g. "node/version-unsatisfiable".
	ID string
	// Title says in one line what happened.
	Title string
	// Where is the place to look at, if there is one.
	Where Position
	// Excerpt is the line of the file at that place, with a caret below it; empty where that would tell nothing, or a secret.
	Excerpt string
	// Why is the cause, as far as it is known.
	Why string
	// Hints say what to do next, most likely first.
	Hints []string
	// Output is what a failed command printed last.
	Output string
	// Parts are the problems of which this one is the sum.
	Parts []*Problem
	// Err is the underlying error, for errors.Is and errors.As.
	Err error
}

// All gives the problems of one file as one; nil for none.
func All(file string, list []*Problem) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return &Problem{ID: "app/mistakes", Title: fmt.Sprintf("%s has %s", file, Count(len(list), "mistake")), Parts: list}
}

// Each gives the parts of a problem, or itself where it has none.
func (p *Problem) Each() []*Problem {
	if len(p.Parts) > 0 {
		return p.Parts
	}
	return []*Problem{p}
}

// Error gives the problem in one line.
func (p *Problem) Error() string {
	text := p.Title
	if p.Where.File != "" {
		text = p.Where.String() + ": " + text
	}
	if p.Why != "" {
		text += ": " + p.Why
	}
	text = Visible(text) + " [" + p.ID + "]"
	for _, part := range p.Parts {
		text += "; " + part.Error()
	}
	return text
}

// Plain gives the problem in lines for a terminal, as the program in the image writes it.
func (p *Problem) Plain() string {
	var text strings.Builder
	title := p.Title
	if p.Where.File != "" {
		title = p.Where.String() + ": " + title
	}
	fmt.Fprintf(&text, "gantry: %s  [%s]\n", Visible(title), p.ID)
	if p.Why != "" {
		fmt.Fprintf(&text, "  why  %s\n", p.Why)
	}
	for _, hint := range p.Hints {
		fmt.Fprintf(&text, "  do   %s\n", hint)
	}
	if p.Output != "" {
		fmt.Fprintf(&text, "\n%s\n", p.Output)
	}
	return VisibleLines(text.String())
}

// Unwrap gives the underlying error.
func (p *Problem) Unwrap() error { return p.Err }

// As finds the problem in a chain of errors; an error that holds none becomes an internal one, so that
// everything reaches the user in the same form.
func As(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return &Problem{
		ID:    "gantry/internal",
		Title: "Gantry could not go on",
		Why:   err.Error(),
		Hints: []string{"If this happens again, please report it with the whole log: https://github.com/gantry-buildpack/gantry/issues"},
		Err:   err,
	}
}
