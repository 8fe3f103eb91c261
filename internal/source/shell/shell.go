// Package shell turns the text of a start script or Procfile line into a program and its arguments, so that the
// program itself receives the container's signals. What cannot be taken apart safely stays with a shell that gets out
// of the way (exec) where it can.
package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Command is a program to execute.
type Command struct {
	// Env are the variables assigned in front of the program.
	Env map[string]string
	// Args is the program and its arguments; empty when the text holds none.
	Args []string
	// Shell is the script for a shell, when the text needs one; Args is empty then.
	Shell string
	// Stays reports that the shell remains as the program's parent: signals must reach the whole process group.
	Stays bool
	// Err is why the text is no valid shell script; the shell will say so when it runs.
	Err error
}

// Parse reads a POSIX shell command.
func Parse(text string) Command {
	file, err := parse(text)
	if err != nil {
		return Command{Shell: text, Stays: true, Err: err}
	}
	if len(file.Stmts) == 1 {
		if c, ok := literal(file.Stmts[0]); ok {
			return c
		}
	}
	if script, ok := leaving(file); ok {
		return Command{Shell: script}
	}
	return Command{Shell: text, Stays: true}
}

// leaving gives a script whose shell makes way for its last program; ok is false where it cannot.
func leaving(file *syntax.File) (script string, ok bool) {
	if len(file.Stmts) == 0 || !insertExec(file.Stmts[len(file.Stmts)-1], functions(file)) {
		return "", false
	}
	var text strings.Builder
	err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&text, file)
	return strings.TrimSpace(text.String()), err == nil
}

// Leaving gives a script's text so that its shell makes way for its last program, where it can.
func Leaving(text string) string {
	if file, err := parse(text); err == nil {
		if script, ok := leaving(file); ok {
			return script
		}
	}
	return text
}

// Words gives the words of a command that is nothing but literal words.
func Words(text string) ([]string, bool) {
	c := Parse(text)
	return c.Args, c.Shell == "" && len(c.Env) == 0
}

// List gives the commands of a text that is nothing but commands joined by &&, each of them a program and its words; nil
// for any other text.
func List(text string) []string {
	file, err := parse(text)
	if err != nil || len(file.Stmts) != 1 {
		return nil
	}
	return joined(file.Stmts[0], text)
}

// Enter takes "cd FOLDER &&" off the front of a text that is nothing but commands joined by &&: the rest is run in that folder.
func Enter(text string) (folder, rest string, ok bool) {
	steps := List(text)
	if len(steps) < 2 {
		return "", "", false
	}
	file, err := parse(steps[0])
	if err != nil || len(file.Stmts) != 1 {
		return "", "", false
	}
	call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Assigns) > 0 || len(call.Args) != 2 || call.Args[0].Lit() != "cd" {
		return "", "", false
	}
	folder, ok = literalWord(call.Args[1])
	return folder, strings.Join(steps[1:], " && "), ok && folder != "" && folder != "-"
}

func joined(s *syntax.Stmt, text string) []string {
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		if plain(s) {
			return []string{text[s.Pos().Offset():s.End().Offset()]}
		}
	case *syntax.BinaryCmd:
		left, right := joined(cmd.X, text), joined(cmd.Y, text)
		if cmd.Op == syntax.AndStmt && plain(s) && left != nil && right != nil {
			return append(left, right...)
		}
	}
	return nil
}

// literal takes apart a statement that means the same without a shell: assignments, then words that no expansion,
// redirection, pipe or job control touches.
func literal(statement *syntax.Stmt) (Command, bool) {
	call, ok := statement.Cmd.(*syntax.CallExpr)
	if !ok || !plain(statement) || len(call.Args) == 0 {
		return Command{}, false
	}
	c := Command{}
	for _, assign := range call.Assigns {
		value := ""
		if assign.Value != nil {
			if value, ok = literalWord(assign.Value); !ok {
				return Command{}, false
			}
		}
		if c.Env == nil {
			c.Env = map[string]string{}
		}
		c.Env[assign.Name.Value] = value
	}
	for _, word := range call.Args {
		text, ok := literalWord(word)
		if !ok {
			return Command{}, false
		}
		c.Args = append(c.Args, text)
	}
	return c, !builtin[c.Args[0]]
}

func plain(s *syntax.Stmt) bool {
	return !s.Negated && !s.Background && !s.Coprocess && len(s.Redirs) == 0
}

// builtin are commands that only a shell has, or that change the shell itself.
var builtin = map[string]bool{
	".": true, ":": true, "alias": true, "cd": true, "command": true, "eval": true, "exec": true, "exit": true,
	"export": true, "read": true, "set": true, "shift": true, "source": true, "trap": true, "ulimit": true,
	"umask": true, "unset": true, "wait": true,
}

// literalWord gives a word's value when it is fixed text: unquoted text without glob or tilde, or quoted text without
// expansions.
func literalWord(word *syntax.Word) (string, bool) {
	var text strings.Builder
	for i, part := range word.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			if strings.ContainsAny(part.Value, "*?[") || (i == 0 && strings.HasPrefix(part.Value, "~")) {
				return "", false
			}
			text.WriteString(unescape(part.Value, ""))
		case *syntax.SglQuoted:
			text.WriteString(part.Value)
		case *syntax.DblQuoted:
			for _, inner := range part.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return "", false
				}
				// Inside double quotes a backslash is special before these only: POSIX 2.2.3.
				text.WriteString(unescape(lit.Value, "$`\"\\\n"))
			}
		default:
			return "", false
		}
	}
	return text.String(), true
}

// unescape removes the backslashes in front of the named characters; in front of any when none are named.
func unescape(text, special string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (special == "" || strings.IndexByte(special, text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// insertExec puts "exec" in front of the last command, where that changes nothing but the process it runs in.
func insertExec(statement *syntax.Stmt, functions map[string]bool) bool {
	if statement.Negated || statement.Background || statement.Coprocess {
		return false
	}
	switch cmd := statement.Cmd.(type) {
	case *syntax.BinaryCmd:
		return cmd.Op == syntax.AndStmt && insertExec(cmd.Y, functions)
	case *syntax.Block:
		return len(statement.Redirs) == 0 && len(cmd.Stmts) > 0 && insertExec(cmd.Stmts[len(cmd.Stmts)-1], functions)
	case *syntax.CallExpr:
		if len(cmd.Args) == 0 {
			return false
		}
		name, ok := literalWord(cmd.Args[0])
		if name == "exec" {
			return true
		}
		if !ok || builtin[name] || functions[name] {
			return false
		}
		word := &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: "exec"}}}
		cmd.Args = append([]*syntax.Word{word}, cmd.Args...)
		return true
	default:
		return false
	}
}

// Fields gives the words of a script, wherever they are in it: between spaces, quotes and what divides commands.
func Fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n;&|()`$\"'", r) })
}
