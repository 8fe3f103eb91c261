package crash

import (
	"slices"
	"strings"
)

// hidden stands where a secret was.
const hidden = "***"

// shortest is the length from which a value is a secret that can be told from other text, in bytes.
const shortest = 6

// secretWords are parts of the names of variables whose values are secret.
var secretWords = []string{"SECRET", "TOKEN", "PASSW", "PASSPHRASE", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "DSN", "DATABASE_URL", "REDIS_URL", "MONGO", "AMQP", "COOKIE", "SALT"}

// secrets gives the values of an environment that must not be kept: of the variables that the contract names, and of
// those whose names say so. The longest come first, for one may be part of another.
func secrets(environ []string, declared []string) []string {
	var values []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		upper := strings.ToUpper(name)
		secret := slices.Contains(declared, name) || slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(upper, word) })
		if secret && len(value) >= shortest {
			values = append(values, value)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return values
}

// redact hides secret values, and the passwords of URLs.
func redact(text string, values []string) string {
	for _, value := range values {
		text = strings.ReplaceAll(text, value, hidden)
	}
	rest, out := text, ""
	for {
		at := strings.Index(rest, "://")
		if at < 0 {
			return out + rest
		}
		at += len("://")
		out, rest = out+rest[:at], rest[at:]
		end := strings.IndexAny(rest, " \t\r\n\"'/<>")
		if end < 0 {
			end = len(rest)
		}
		if user := strings.LastIndexByte(rest[:end], '@'); user >= 0 && strings.Contains(rest[:user], ":") {
			out, rest = out+hidden, rest[user:]
		}
	}
}

// redactAll hides secrets in everything that a JSON value holds.
func redactAll(value any, values []string) any {
	switch v := value.(type) {
	case string:
		return redact(v, values)
	case []any:
		for i := range v {
			v[i] = redactAll(v[i], values)
		}
	case map[string]any:
		for key := range v {
			v[key] = redactAll(v[key], values)
		}
	}
	return value
}

// without gives the record without secrets.
func (r Record) without(values []string) Record {
	r.Message, r.Command = redact(r.Message, values), redact(r.Command, values)
	stack := make([]string, len(r.Stack))
	for i, line := range r.Stack {
		stack[i] = redact(line, values)
	}
	r.Stack = stack
	if r.Report != nil {
		redactAll(r.Report, values)
	}
	return r
}
