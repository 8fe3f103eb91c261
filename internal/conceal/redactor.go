package conceal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/pattern"
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
var cutMark = pattern.Lazy(`… \(\d+ more (?:characters|bytes)\)`)

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

// formsOf gives a value as it is, and as it stands in addresses, in JSON, in hexadecimal, and within base64 at each of the
// three places that it may have there: "Authorization: Basic" holds a password behind a user's name.
func formsOf(value string) []string {
	value = strings.TrimSpace(value)
	if len(value) < shortest {
		return nil
	}
	encoded, _ := json.Marshal(value)
	inJSON := strings.Trim(string(encoded), `"`)
	list := []string{value, url.QueryEscape(value), url.PathEscape(value), inJSON, strings.ReplaceAll(value, "\n", "\r\n"), strings.ReplaceAll(value, "\n", " ")}
	list = append(list, componentEncoded(value), strings.ReplaceAll(url.PathEscape(value), "%20", "+"), html.EscapeString(value))
	for _, form := range list[1:] {
		if strings.Contains(form, "%") {
			list = append(list, lowerEscapes(form))
		}
	}
	list = append(list, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))))
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), value...))
			// What the neighbours of the value have a part in does not belong to it.
			text = text[(before*8+5)/6:]
			if (before+len(value))%3 != 0 {
				text = text[:len(text)-1]
			}
			if len(text) >= 8 {
				list = append(list, text)
			}
		}
	}
	// The lines of a key, each by itself: messages and stacks are shown line by line.
	if lines := strings.Split(value, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
				list = append(list, line)
			}
		}
	}
	return list
}

// componentEncoded gives a value as JavaScript's encodeURIComponent does:
// https://tc39.es/ecma262/#sec-encodeuricomponent-uricomponent.
func componentEncoded(value string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%7E", "~").Replace(url.QueryEscape(value))
}

// lowerEscapes gives a percent-encoded text with digits in lower case.
func lowerEscapes(text string) string {
	lower := []byte(text)
	for i := 0; i+2 < len(lower); i++ {
		if lower[i] == '%' {
			copy(lower[i+1:i+3], bytes.ToLower(lower[i+1:i+3]))
		}
	}
	return string(lower)
}

// partsOf gives the secrets within a value that has parts: the fields of a JSON document, and those of a connection string
// ("AccountName=a;AccountKey=b"), whose names say so.
func partsOf(value string) (parts []string) {
	var document map[string]any
	if strings.HasPrefix(strings.TrimSpace(value), "{") && json.Unmarshal([]byte(value), &document) == nil {
		for name, field := range document {
			if text, ok := field.(string); ok && SecretName(camelWords(name)) {
				parts = append(parts, text)
			}
		}
		return parts
	}
	if strings.Contains(value, ";") && strings.Contains(value, "=") {
		for part := range strings.SplitSeq(value, ";") {
			if name, text, found := strings.Cut(part, "="); found && SecretName(camelWords(strings.TrimSpace(name))) {
				parts = append(parts, text)
			}
		}
	}
	return parts
}

// camelWords divides the words of a name such as AccountKey.
func camelWords(name string) string {
	var out strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z' {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// passwordOf gives the password of an address, as it stands there and decoded.
func passwordOf(value string) []string {
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return nil
	}
	password, has := u.User.Password()
	if !has {
		return nil
	}
	return []string{password}
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

// What is a credential by its own form, or by what stands before it. The last group of each is hidden.
var (
	privateKey = pattern.Lazy(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	// RFC 7617 and 6750.
	authorization = pattern.Lazy(`(?i)\b((?:proxy-)?authorization["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|(?:[^\n"'})=]|="[^"\n]*"|=)+)`)
	basic         = pattern.Lazy(`\b([Bb]asic|BASIC)\s+([A-Za-z0-9+/_-]{8,}={0,2})`)
	bearer        = pattern.Lazy(`(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{12,}`)
	assigned      = pattern.Lazy(`(?i)((?:^|[\s"'{,;?&(_-])(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|pass|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key)["']?\s*[=:]\s*)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s"'&,;)}]{3,})`)
	// An option of a command line.
	option = pattern.Lazy(`(?i)(\s--?(?:[a-z0-9]+-)*(?:password|passwd|pass|pwd|secret|token|api-?key)(?:\s+|=))([^\s-]\S*)`)
	// The forms that issuers publish for scanners of secrets.
	issued = pattern.Lazy(`\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
)

// Credentials hides what is a credential by its form: private keys, Authorization headers, "password=…", tokens of known
// issuers, and what stands before the @ of an address.
func Credentials(text string) string {
	text = userInfo(text)
	if strings.Contains(text, "PRIVATE KEY-----") {
		text = privateKey().ReplaceAllString(text, Hidden)
	}
	text = authorization().ReplaceAllStringFunc(text, func(found string) string {
		part := authorization().FindStringSubmatch(found)
		quote, value := quoted(strings.TrimRight(part[2], " "))
		after := part[2][len(strings.TrimRight(part[2], " ")):]
		if value == "" {
			return found
		}
		if scheme, rest, several := strings.Cut(value, " "); several && rest != "" && len(scheme) < 20 {
			return part[1] + quote + scheme + " " + Hidden + quote + after
		}
		return part[1] + quote + Hidden + quote + after
	})
	text = basic().ReplaceAllStringFunc(text, func(found string) string {
		part := basic().FindStringSubmatch(found)
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(part[2], "="))
		if err != nil || !strings.Contains(string(decoded), ":") {
			return found
		}
		return part[1] + " " + Hidden
	})
	text = bearer().ReplaceAllString(text, "${1} "+Hidden)
	text = assigned().ReplaceAllStringFunc(text, func(found string) string {
		part := assigned().FindStringSubmatch(found)
		quote, value := quoted(part[2])
		if value == "" {
			return found
		}
		return part[1] + quote + Hidden + quote
	})
	text = option().ReplaceAllString(text, "${1}"+Hidden)
	return issued().ReplaceAllString(text, Hidden)
}

// quoted gives the quotation mark around a text, empty for none, and the text within.
func quoted(text string) (quote, inner string) {
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[:1], text[1 : len(text)-1]
	}
	return "", text
}

// userInfo hides all that stands before the @ of an address, in whatever form: in a message of an application the user may
// be a token, and a password may hold characters that an address does not allow.
func userInfo(text string) string {
	rest, out := text, ""
	for {
		at := strings.Index(rest, "://")
		if at < 0 {
			return out + rest
		}
		at += len("://")
		out, rest = out+rest[:at], rest[at:]
		end := strings.IndexAny(rest, " \t\r\n\"'<>`")
		if end < 0 {
			end = len(rest)
		}
		host := strings.IndexAny(rest[:end], "/?#")
		if host < 0 {
			host = end
		}
		user := strings.LastIndexByte(rest[:host], '@')
		if user < 0 {
			// A password may hold a slash that is not escaped; a path that holds an @ has no colon before it.
			if user = strings.LastIndexByte(rest[:end], '@'); user < 0 || !strings.Contains(rest[:min(user, host)], ":") || port(rest[:host]) {
				continue
			}
		}
		out, rest = out+Hidden, rest[user:]
	}
}

// port reports whether the text is a host with a port.
func port(text string) bool {
	_, digits, found := strings.Cut(text, ":")
	return found && digits != "" && strings.Trim(digits, "0123456789") == ""
}
