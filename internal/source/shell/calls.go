package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Call is a command in a shell's text.
type Call struct {
	// Words are its program and its arguments, up to the first that the shell would expand; Rest is the text of the others.
	Words []string
	Rest  string
	// Dir is the folder in which it runs, relative to that of the shell.
	Dir string
	// Assigned: variables are assigned in front of it.
	Assigned bool
	// Last: nothing of the text runs after it.
	Last bool
}

// Calls gives the commands that a shell runs for certain if none of them fails: not those behind || or within "if", and no
// builtins. The list ends where a folder is entered that is not known.
func Calls(text string) []Call {
	file, err := parse(text)
	if err != nil {
		return nil
	}
	functions := functions(file)
	var list []Call
	w := walk{text: text, visit: func(c Call, _ *syntax.CallExpr) {
		if !functions[c.Words[0]] && !shellOnly[c.Words[0]] {
			list = append(list, c)
		}
	}}
	w.statements(file.Stmts, true)
	return list
}

// functions are the names of those that a text declares.
func functions(file *syntax.File) map[string]bool {
	found := map[string]bool{}
	syntax.Walk(file, func(node syntax.Node) bool {
		if f, is := node.(*syntax.FuncDecl); is {
			found[f.Name.Value] = true
		}
		return true
	})
	return found
}

// Rewrite replaces commands of a text; replace gives the text in the place of one from its program on. Commands behind || are
// replaced, too, those within "if" and the like are not.
func Rewrite(text string, replace func(Call) (string, bool)) string {
	file, err := parse(text)
	if err != nil {
		return text
	}
	type edit struct {
		from, to uint
		with     string
	}
	var edits []edit
	w := walk{text: text, uncertain: true, visit: func(c Call, call *syntax.CallExpr) {
		if with, ok := replace(c); ok && (call.Args[0].Lit() != "exec" || IsCommand(with)) {
			first := call.Args[0]
			if first.Lit() == "exec" {
				first = call.Args[1]
			}
			edits = append(edits, edit{first.Pos().Offset(), call.End().Offset(), with})
		}
	}}
	w.statements(file.Stmts, true)
	for _, e := range slices.Backward(edits) {
		text = text[:e.from] + e.with + text[e.to:]
	}
	return text
}

// IsCommand reports whether a text is one command without redirections: what may stand behind variables and exec.
func IsCommand(text string) bool {
	file, err := parse(text)
	if err != nil || len(file.Stmts) != 1 || !plain(file.Stmts[0]) {
		return false
	}
	call, is := file.Stmts[0].Cmd.(*syntax.CallExpr)
	return is && len(call.Args) > 0 && len(call.Assigns) == 0 && !builtin[call.Args[0].Lit()]
}

func parse(text string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
}

// walk follows the commands of a text in the order in which they run.
type walk struct {
	text  string
	visit func(Call, *syntax.CallExpr)
	// uncertain: commands behind || are visited, too.
	uncertain bool
	dir       string
}

// statements follows a list; known is false when the folder, or whether anything runs, is not known behind it.
func (w *walk) statements(list []*syntax.Stmt, last bool) (known bool) {
	for n, statement := range list {
		if !w.statement(statement, last && n == len(list)-1) {
			return false
		}
	}
	return true
}

func (w *walk) statement(s *syntax.Stmt, last bool) (known bool) {
	last = last && plain(s)
	switch cmd := s.Cmd.(type) {
	case nil:
		return true
	case *syntax.CallExpr:
		return w.call(cmd, last)
	case *syntax.BinaryCmd:
		return w.binary(cmd, last)
	case *syntax.Block:
		return w.statements(cmd.Stmts, last)
	case *syntax.Subshell:
		dir := w.dir
		w.statements(cmd.Stmts, last)
		w.dir = dir
		return true
	default:
		// If, a loop, a function.
		return !moves(cmd)
	}
}

func (w *walk) binary(cmd *syntax.BinaryCmd, last bool) (known bool) {
	switch cmd.Op {
	case syntax.AndStmt:
		return w.statement(cmd.X, false) && w.statement(cmd.Y, last)
	case syntax.OrStmt:
		return !moves(cmd) && (!w.uncertain || w.statement(cmd.X, false) && w.statement(cmd.Y, last))
	default:
		// Each part of a pipe has a shell of its own.
		dir := w.dir
		w.statement(cmd.X, false)
		w.dir = dir
		w.statement(cmd.Y, false)
		w.dir = dir
		return true
	}
}

func (w *walk) call(call *syntax.CallExpr, last bool) (known bool) {
	args := call.Args
	words := leading(args)
	if len(words) > 1 && words[0] == "exec" && !strings.HasPrefix(words[1], "-") {
		args, words, last = args[1:], words[1:], true
	}
	switch {
	case len(args) == 0:
		return true
	case len(words) == 0:
		// A program that is known when it runs.
		return true
	case words[0] == "cd":
		if len(words) != 2 || len(args) != 2 || strings.HasPrefix(words[1], "-") || path.IsAbs(words[1]) {
			return false
		}
		w.dir = strings.TrimPrefix(path.Join("/", w.dir, words[1]), "/")
		return true
	case builtin[words[0]]:
		return words[0] != "exit" && words[0] != "eval" && words[0] != "." && words[0] != "source"
	}
	c := Call{Words: words, Dir: w.dir, Assigned: len(call.Assigns) > 0, Last: last}
	if len(words) < len(args) {
		c.Rest = w.text[args[len(words)].Pos().Offset():call.End().Offset()]
	}
	w.visit(c, call)
	return true
}

// leading gives the literal words at the front.
func leading(args []*syntax.Word) (words []string) {
	for _, word := range args {
		text, ok := literalWord(word)
		if !ok {
			break
		}
		words = append(words, text)
	}
	return words
}

// moves reports whether a part of a text enters a folder, or ends the shell.
func moves(node syntax.Node) (found bool) {
	syntax.Walk(node, func(n syntax.Node) bool {
		if call, is := n.(*syntax.CallExpr); is && len(call.Args) > 0 {
			found = found || slices.Contains([]string{"cd", "exit", "exec", "eval", "."}, call.Args[0].Lit())
		}
		return !found
	})
	return found
}

// shellOnly are further commands that every shell has itself.
var shellOnly = map[string]bool{
	"[": true, "bg": true, "break": true, "continue": true, "echo": true, "false": true, "fg": true, "getopts": true, "hash": true, "jobs": true, "kill": true,
	"local": true, "printf": true, "pwd": true, "readonly": true, "return": true, "test": true, "times": true, "true": true, "type": true, "unalias": true,
}
