package redact

import (
	"encoding/base64"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// What is a credential by its own form, or by what stands before it. The last group of each is hidden.
var (
	privateKey = lazyregexp.New(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	// RFC 7617 and 6750.
	authorization = lazyregexp.New(`(?i)\b((?:proxy-)?authorization["']?\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|(?:[^\n"'})=]|="[^"\n]*"|=)+)`)
	basic         = lazyregexp.New(`\b([Bb]asic|BASIC)\s+([A-Za-z0-9+/_-]{8,}={0,2})`)
	bearer        = lazyregexp.New(`(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{12,}`)
	assigned      = lazyregexp.New(`(?i)((?:^|[\s"'{,;?&(_-])(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|pass|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key)["']?\s*[=:]\s*)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s"'&,;)}]{3,})`)
	// An option of a command line.
	option = lazyregexp.New(`(?i)(\s--?(?:[a-z0-9]+-)*(?:password|passwd|pass|pwd|secret|token|api-?key)(?:\s+|=))([^\s-]\S*)`)
	// The forms that issuers publish for scanners of secrets.
	issued = lazyregexp.New(`\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
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
