package declare

import (
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// entry is a variable of a file such as .env.example.
type entry struct {
	name, value string
	// comments are the lines above it, without their marks.
	comments []string
	// off: the line itself is a comment, "# NAME=value".
	off bool
}

var (
	assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:=|:\s)\s*(.*)$`)
	// switchedOff is an assignment in a comment; a sentence that holds = has other words before it.
	switchedOff = regexp.MustCompile(`^#\s?([A-Z][A-Z0-9_]+)=(\S.*|)$`)
)

// entries reads such a file as dotenv does: values in quotes may have several lines, what stands behind " #" is a comment.
func entries(text string) []entry {
	var list []entry
	var comments []string
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if found := switchedOff.FindStringSubmatch(line); found != nil {
			value, _ := unquote(found[2], nil)
			list = append(list, entry{found[1], value, comments, true})
			comments = nil
			continue
		}
		if comment, is := strings.CutPrefix(line, "#"); is {
			comments = append(comments, strings.TrimSpace(comment))
			continue
		}
		if found := assignment.FindStringSubmatch(line); found != nil && namePattern.MatchString(found[1]) {
			value, more := unquote(found[2], lines[i+1:])
			i += more
			list = append(list, entry{found[1], value, comments, false})
		}
		comments = nil
	}
	return list
}

// unquote gives a value without its quotes and the comment behind it, and how many of the lines that follow belong to it.
func unquote(value string, following []string) (text string, more int) {
	value = strings.TrimSpace(value)
	if value == "" || !strings.ContainsRune("\"'`", rune(value[0])) {
		if strings.HasPrefix(value, "#") {
			return "", 0
		}
		value, _, _ = strings.Cut(value, " #")
		return strings.TrimSpace(value), 0
	}
	quote, rest := value[0], value[1:]
	for {
		for i := 0; i < len(rest); i++ {
			if rest[i] == '\\' && quote == '"' {
				i++
			} else if rest[i] == quote {
				text := rest[:i]
				if quote == '"' {
					text = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`, `\\`, `\`).Replace(text)
				}
				return text, more
			}
		}
		if more >= len(following) {
			// The quote is never closed: it is part of the value.
			return value, 0
		}
		rest += "\n" + following[more]
		more++
	}
}

var (
	// marked are texts that people write where a value is to be filled in.
	marked = regexp.MustCompile(`(?i)^$|^<.*>$|^\[.*\]$|^\{\{.*\}\}$|^x{3,}|x{5,}|change[-_ ]?me|replace[-_ ]?(me|this|with)|your[-_ ]|^my[-_A-Z]|todo|fixme|placeholder|example\.(com|org)|^\.\.\.|insert[-_ ]|secret|password|dummy`)
	// plain are values that an application may well start with.
	plain = regexp.MustCompile(`^(?:true|false|[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|[kKMG]i?[bB]?)?)$`)
)

// placeholder reports whether a value is there to be replaced.
func placeholder(value string) bool { return marked.MatchString(value) }

// DotEnv reads variables from an .env.example: NAME=value, with comments above as description. One whose line is a comment is
// optional. A number, true or false is a default; another value is an example. A name that looks like a secret becomes one, and its value
// is left out.
func DotEnv(text string) []contract.Variable {
	var list []contract.Variable
	seen := map[string]bool{}
	for _, e := range entries(text) {
		if seen[e.name] || contract.Ambient(e.name) && e.name != "PORT" && e.off {
			continue
		}
		seen[e.name] = true
		v := Guess(e.name)
		v.Description = strings.TrimSpace(strings.Join(e.comments, " "))
		v.Required = v.Required && !e.off
		if value := e.value; value != "" && !v.Secret && !contract.HasPassword(value) {
			if v.Type != "" && !v.Accepts(value) {
				v.Type = ""
			}
			if plain.MatchString(value) && !placeholder(value) {
				v.Default, v.Required = &value, false
			} else {
				v.Example = value
			}
		}
		if v.Phase == "build" {
			if v.Default != nil {
				v.Example, v.Default = *v.Default, nil
			}
		}
		list = append(list, v)
	}
	return list
}
