package redact

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Hidden stands where a secret was.
const Hidden = "***"

// Redactor takes secrets out of text: values that it was given, in every form in which programs repeat them, and what
// looks like a credential wherever it comes from.
type Redactor struct {
	values *strings.Replacer
	// forms are the values, the longest first.
	forms []string
}

// shortest is the length from which a value is a secret that can be told from other text, in bytes.
const shortest = 6

// NewRedactor gives the redactor for an environment (NAME=VALUE): it hides the values of the variables that are declared
// as secret, whose names say so, or that look like a credential, passwords within addresses, and the other values, e.g.
// those of service bindings.
func NewRedactor(environ, declared, others []string) Redactor {
	values := slices.Clone(others)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if slices.Contains(declared, name) || SecretName(name) || !publicName(name) && random(value) {
			values = append(values, value)
		}
		values = append(values, passwordOf(value)...)
		values = append(values, partsOf(value)...)
	}
	forms := map[string]bool{}
	for _, value := range values {
		for _, form := range formsOf(value) {
			if len(form) >= shortest {
				forms[form] = true
			}
		}
	}
	list := make([]string, 0, len(forms))
	for form := range forms {
		list = append(list, form)
	}
	// The longest come first, for one may be part of another.
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(list))
	for _, form := range list {
		pairs = append(pairs, form, Hidden)
	}
	return Redactor{strings.NewReplacer(pairs...), list}
}

// Text gives the text without secrets. A value of several lines is found only where the text still has its lines.
func (r Redactor) Text(text string) string {
	if r.values != nil {
		text = r.cutForms(r.values.Replace(text))
	}
	return Credentials(text)
}

// cutMark is what stands where a script has cut a text that was too long.
var cutMark = lazyregexp.New(`… \(\d+ more (?:characters|bytes)\)`)

// cutForms hides the beginning of a secret at the end of a text that was cut.
func (r Redactor) cutForms(text string) string {
	var out strings.Builder
	last := 0
	for _, at := range cutMark().FindAllStringIndex(text, -1) {
		before := text[last:at[0]]
		for _, form := range r.forms {
			for length := min(len(form), len(before)); length >= 4; length-- {
				if strings.HasSuffix(before, form[:length]) {
					before = before[:len(before)-length] + Hidden
					break
				}
			}
		}
		out.WriteString(before + text[at[0]:at[1]])
		last = at[1]
	}
	return out.String() + text[last:]
}

// JSON gives a document whose strings, and the names in it, hold no secrets.
func (r Redactor) JSON(document []byte) ([]byte, error) {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return nil, err
	}
	return json.Marshal(r.redacted(value))
}

func (r Redactor) redacted(value any) any {
	switch v := value.(type) {
	case string:
		return r.Text(v)
	case []any:
		for i := range v {
			v[i] = r.redacted(v[i])
		}
	case map[string]any:
		changed := make(map[string]any, len(v))
		for key, item := range v {
			changed[r.Text(key)] = r.redacted(item)
		}
		return changed
	}
	return value
}

// secretWords are words in the names of variables whose values are secret; secretParts may be any part of a name.
var (
	secretWords = []string{"PASS", "PW", "PWD", "PASSWD", "KEY", "KEYS", "APIKEY", "CRED", "CREDS", "AUTH", "PRIVATE", "DSN", "COOKIE", "SALT", "PEPPER",
		"SK", "PAT", "PIN", "OTP", "TOTP", "JWT", "HMAC", "SIGNATURE", "BEARER", "MONGO", "MONGODB", "AMQP", "WEBHOOK", "SAS", "SSN", "CONNSTR"}
	secretParts = []string{"SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL", "APIKEY", "DATABASE_URL", "REDIS_URL", "CONNECTION_STRING", "PRIVATE_KEY", "ACCESS_KEY"}
)

// SecretName reports whether the name of a variable says that its value is secret: DB_PASS, MYSQL_PWD, STRIPE_SK.
func SecretName(name string) bool {
	upper := strings.ToUpper(name)
	if upper == "PWD" || upper == "OLDPWD" {
		return false
	}
	if slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(upper, part) }) {
		return true
	}
	return slices.ContainsFunc(strings.FieldsFunc(upper, func(r rune) bool { return r == '_' || r == '-' || r == '.' }),
		func(word string) bool { return slices.Contains(secretWords, word) })
}

// publicName reports whether a variable is known to hold something long and random that is no secret: the name of a pod,
// the hash of a commit.
func publicName(name string) bool {
	upper := strings.ToUpper(name)
	return upper == "HOSTNAME" || upper == "PATH" || slices.ContainsFunc([]string{"_HOST", "_VERSION", "_SHA", "_COMMIT", "_REVISION", "_OPTIONS", "_NAME", "_DIR", "_PATH"},
		func(end string) bool { return strings.HasSuffix(upper, end) })
}

// The bounds of what looks random: its length in bytes, and its entropy in bits a character (Shannon). English text and
// identifiers have about 3, hexadecimal digits nearly 4, base64 nearly 6.
const randomLength, randomEntropy = 24, 3.5

// random reports whether a value looks like a credential: one long word of letters and digits without a pattern.
func random(value string) bool {
	if len(value) < randomLength || strings.ContainsAny(value, " \t\n\\:,;{}") {
		return false
	}
	// A path is none; base64 may hold slashes, and has capital letters, small ones and digits between them.
	if strings.Contains(value, "/") && (strings.ContainsAny(value, "._") || value[0] == '/' || strings.ToLower(value) == value || strings.ToUpper(value) == value) {
		return false
	}
	if !strings.ContainsAny(value, "0123456789") || !strings.ContainsFunc(value, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) {
		return false
	}
	counts := map[rune]int{}
	for _, r := range value {
		counts[r]++
	}
	entropy, total := 0.0, float64(len([]rune(value)))
	for _, n := range counts {
		share := float64(n) / total
		entropy -= share * math.Log2(share)
	}
	return entropy >= randomEntropy
}
