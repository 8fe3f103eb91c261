package listens

import "strings"

// maxCall is how much of a call is looked at.
const maxCall = 600

// argumentsOf gives the arguments of a call, behind its opening bracket; false where its end is not found.
func argumentsOf(code string) (list []string, whole bool) {
	depth, start, quote := 0, 0, byte(0)
	add := func(end int) {
		if text := strings.TrimSpace(code[start:end]); text != "" {
			list = append(list, text)
		}
	}
	for i := 0; i < min(len(code), maxCall); i++ {
		c := code[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '{' || c == '[':
			depth++
		case c == ')' && depth == 0:
			add(i)
			return list, true
		case c == ')' || c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			add(i)
			start = i + 1
		}
	}
	// A function of some length comes last: what is before it has been read.
	return list, len(list) > 0
}

// maxShown is how long a call is in a message.
const maxShown = 60

// shown writes a call on one line, without functions.
func shown(call string, arguments []string) string {
	var words []string
	for _, a := range arguments {
		if callback(a) {
			a = "…"
		}
		words = append(words, strings.Join(strings.Fields(a), " "))
	}
	text := call + strings.Join(words, ", ") + ")"
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return text
}

// withoutComments puts spaces in place of comments, so that places stay what they are. A // in a text is one behind a colon or in quotes.
func withoutComments(code string) string {
	out := []byte(code)
	quote := byte(0)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	for i := 0; i < len(out); i++ {
		rest := code[i:]
		switch c := out[i]; {
		case quote == '`' && c == '\n':
			// A text of several lines may hold code of another program.
			if end := strings.IndexByte(rest, '`'); end >= 0 {
				blank(i, i+end)
				i += end - 1
			}
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && (c == quote || c == '\n' && quote != '`'):
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			blank(i, i+end)
			i += end - 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest, "*/")
			if end < 0 {
				end = len(rest) - 2
			}
			blank(i, i+end+2)
			i += end + 1
		}
	}
	return string(out)
}
