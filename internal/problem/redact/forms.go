package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
)

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
