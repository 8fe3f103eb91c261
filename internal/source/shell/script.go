package shell

import (
	"bytes"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var (
	shebang = lazyregexp.New(`^#![^\n]*[/ ](?:ba|da|k|z)?sh\b`)
	// makesWay finds commands at the beginning of a line, or behind another, with which a shell makes way for a program, or hears
	// signals itself.
	makesWay = lazyregexp.New(`(?m)(?:^|[;&|(])[ \t]*(?:exec|trap)[ \t]`)
)

// shells are programs that run a script.
var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "ksh": true, "zsh": true}

// IsShell reports whether a program is one.
func IsShell(program string) bool { return shells[path.Base(program)] }

// ScriptFile gives the file that a command hands to a shell: "./start.sh", "sh bin/start". It is empty for other commands; whether
// a file that is a program itself is a script is known from its text.
func ScriptFile(args []string) string {
	if len(args) == 0 {
		return ""
	}
	if strings.Contains(args[0], "/") && !IsShell(args[0]) {
		return args[0]
	}
	if !IsShell(args[0]) {
		return ""
	}
	for _, word := range args[1:] {
		switch {
		case word == "-c":
			return ""
		case !strings.HasPrefix(word, "-"):
			return word
		}
	}
	return ""
}

// IsScript reports whether a file is a shell's script: its first line says so, or it is text without such a line, which shells
// take for one, and called so.
func IsScript(name string, text []byte) bool {
	if bytes.HasPrefix(text, []byte("#!")) {
		return shebang().Match(text)
	}
	return path.Ext(name) == ".sh" && !bytes.Contains(text, []byte{0})
}

// scriptStays reports whether the shell that runs a script stays the parent of what it starts, and hears no signal.
func scriptStays(text string) bool { return !makesWay().MatchString(text) }

// StaysBehindScript reports whether a command is a script whose shell stays in front of the program: signals must reach the whole
// process group. read gives a file of the command's folder.
func StaysBehindScript(args []string, read func(name string) (text []byte, found bool, err error)) bool {
	file := ScriptFile(args)
	if file == "" {
		return false
	}
	text, found, err := read(file)
	return found && err == nil && (args[0] != file || IsScript(file, text)) && scriptStays(string(text))
}
