package contract

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// special are the schemes that https://url.spec.whatwg.org/#special-scheme has rules of its own for, besides file.
var special = []string{"http", "https", "ws", "wss", "ftp"}

// opaque are schemes behind which digits may stand: others are a host, and the digits its port.
var opaque = []string{"tel", "sms", "urn"}

var (
	schemePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`) })
	portPattern   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{1,5}(?:[/?#]|$)`) })
)

// escaped is how an address is repaired that a password has broken.
const escaped = "; in a password, / ? # and @ are written %2F %3F %23 and %40"

// parseURL gives the scheme of an address, and why it is none. It judges as clients do: https://url.spec.whatwg.org, as Node.js'
// URL has it, for mongodb:// as mongodb-connection-string-url, for postgres:// as pg-connection-string. Names of hosts
// beyond ASCII are taken as they are. The reason holds nothing of the address.
func parseURL(text string) (scheme, why string) {
	if !utf8.ValidString(text) {
		return "", "it is not UTF-8"
	}
	text = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	scheme, rest, found := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	switch {
	case !found || !schemePattern().MatchString(scheme):
		return "", "it has no scheme, such as https://"
	case portPattern().MatchString(rest) && !slices.Contains(opaque, scheme):
		return "", "it has no scheme, such as https://; a host and a port are not enough"
	case strings.HasPrefix(scheme, "postgres") && !decodable(rest):
		return scheme, "a % in it begins something that is not UTF-8; in a password, it is written %25"
	case scheme == "mongodb" || scheme == "mongodb+srv":
		return scheme, mongodb(scheme, rest)
	case slices.Contains(special, scheme):
		return scheme, authority(scheme, strings.TrimLeft(rest, `/\`))
	case scheme == "file":
		return scheme, fileHost(rest)
	case strings.HasPrefix(rest, "//"):
		return scheme, authority(scheme, rest[2:])
	case rest == "":
		return scheme, "nothing stands behind its scheme"
	}
	return scheme, ""
}

// authority judges what stands behind the slashes: user information, host and port.
func authority(scheme, rest string) string {
	isSpecial, postgres := slices.Contains(special, scheme), strings.HasPrefix(scheme, "postgres")
	ends := "/?#"
	if isSpecial {
		ends += `\`
	}
	host := rest
	if end := strings.IndexAny(rest, ends); end >= 0 {
		host = rest[:end]
	}
	at := strings.LastIndexByte(host, '@')
	user := host[:max(at, 0)]
	host = host[at+1:]
	if host == "" {
		switch {
		case postgres && at >= 0 && strings.HasPrefix(rest[len(user):], "@/"):
			// The host is a parameter: ?host=/var/run/postgresql.
			return ""
		case at >= 0 || isSpecial:
			return "it has no host" + escapedIf(strings.Contains(rest, "@"))
		}
		return ""
	}
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name, port = host[:colon], host[colon+1:]
		if name == "" {
			return "it has no host"
		}
	}
	if n, err := strconv.ParseUint(port, 10, 64); port != "" && (err != nil || n > 65535 || strings.Trim(port, "0123456789") != "") {
		return "its port is not a number from 0 to 65535" + escapedIf(strings.Contains(rest, "@"))
	}
	if postgres {
		name = strings.NewReplacer(" ", "%20", "^", "%5E", "|", "%7C", "<", "%3C", ">", "%3E").Replace(name)
	}
	if name != "" && !isHost(name, isSpecial) {
		return "its host is not the name or the address of one" + escapedIf(strings.Contains(rest, "@"))
	}
	return ""
}

func escapedIf(password bool) string {
	if password {
		return escaped
	}
	return ""
}

var (
	// repaired is when pg-connection-string encodes the whole address once more, and digits is what of it is left as it was.
	repaired = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i) |%[^a-f0-9]|%[a-f0-9][^a-f0-9]`) })
	digits   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%([0-9][0-9])?`) })
)

// decodable reports whether pg-connection-string can decode the user, the password and the path of an address.
func decodable(rest string) bool {
	path := rest
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		path = rest[:end]
	}
	if repaired().MatchString(rest) {
		path = digits().ReplaceAllStringFunc(path, func(found string) string {
			if found == "%" {
				return "%25"
			}
			return found
		})
	}
	plain, err := url.PathUnescape(path)
	return err == nil && utf8.ValidString(plain)
}

// isHost is https://url.spec.whatwg.org/#concept-host-parser.
func isHost(name string, isSpecial bool) bool {
	if inner, bracket := strings.CutPrefix(name, "["); bracket {
		inner, closed := strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		return closed && err == nil && address.Is6() && address.Zone() == ""
	}
	if !isSpecial {
		return !strings.ContainsAny(name, "\x00 #/:<>?@[\\]^|")
	}
	plain := decodeValid(name)
	if plain == "" || strings.ContainsAny(plain, " #/:<>?@[\\]^|%\x7f") || strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' }) {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(plain, "."), ".")
	if last := labels[len(labels)-1]; !isNumber(last) {
		return true
	}
	return isIPv4(labels)
}

// decodeValid decodes what is percent-encoded, and leaves what only looks so.
func decodeValid(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// isNumber reports whether a label makes its host an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker.
func isNumber(label string) bool {
	if label != "" && strings.Trim(label, "0123456789") == "" {
		return true
	}
	_, ok := ipv4Number(label)
	return ok
}

// ipv4Number reads a decimal, octal (0…) or hexadecimal (0x…) number.
func ipv4Number(label string) (uint64, bool) {
	base, lower := 10, strings.ToLower(label)
	if digits, hexadecimal := strings.CutPrefix(lower, "0x"); hexadecimal {
		base, lower = 16, digits
		if digits == "" {
			return 0, true
		}
	} else if len(lower) > 1 && lower[0] == '0' {
		base = 8
	}
	n, err := strconv.ParseUint(lower, base, 64)
	return n, err == nil
}

// isIPv4 is https://url.spec.whatwg.org/#concept-ipv4-parser.
func isIPv4(labels []string) bool {
	if len(labels) > 4 {
		return false
	}
	for i, label := range labels {
		n, ok := ipv4Number(label)
		bits := 8
		if i == len(labels)-1 {
			bits = 8 * (5 - len(labels))
		}
		if !ok || n >= 1<<bits {
			return false
		}
	}
	return true
}

// fileHost judges what stands behind "file:".
func fileHost(rest string) string {
	rest = strings.ReplaceAll(rest, `\`, "/")
	if !strings.HasPrefix(rest, "//") {
		return ""
	}
	host, _, _ := strings.Cut(rest[2:], "/")
	if end := strings.IndexAny(host, "?#"); end >= 0 {
		host = host[:end]
	}
	if host != "" && !isHost(host, true) && !isDrive(host) {
		return "its host is not the name of one; a path begins with file:///"
	}
	return ""
}

// isDrive reports whether a text is the letter of a drive: "C:" or "C|".
func isDrive(text string) bool {
	return len(text) == 2 && (text[1] == ':' || text[1] == '|') && (text[0]|0x20 >= 'a' && text[0]|0x20 <= 'z')
}

var mongodbPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^//(?:([^:@]*)(:[^@]*)?@)?([^/?@]*)(.*)$`)
})

// mongodb judges as the driver does: several hosts, and none of the characters that must be escaped.
func mongodb(scheme, rest string) string {
	found := mongodbPattern().FindStringSubmatch(rest)
	if found == nil {
		return "it has no host"
	}
	user, password, hosts := found[1], strings.TrimPrefix(found[2], ":"), strings.Split(found[3], ",")
	if (user == "" || password == "") && (strings.HasPrefix(rest, "//@") || strings.HasPrefix(rest, "//:")) {
		return "it has no user before its password, or its @"
	}
	if strings.HasPrefix(found[4], "@") {
		return "its user or password has a character that must be escaped" + escaped
	}
	for _, text := range []string{user, password} {
		plain, err := url.PathUnescape(text)
		if strings.ContainsAny(text, ":/?#[]@") || err != nil || !utf8.ValidString(plain) {
			return "its user or password has a character that must be escaped" + escaped
		}
	}
	if found[3] == "" || strings.HasPrefix(found[3], ":") {
		return "it has no host"
	}
	if scheme == "mongodb+srv" && (len(hosts) > 1 || strings.Contains(hosts[0], ":")) {
		return "mongodb+srv:// has one host, and no port"
	}
	for _, host := range hosts {
		if host == "" {
			continue
		}
		plain, err := url.PathUnescape(host)
		switch why := authority("mongodb", host); {
		case why != "":
			return why
		case err != nil || !utf8.ValidString(plain) || strings.HasSuffix(host, ":0"):
			return "one of its hosts is not the name of one"
		}
	}
	return ""
}
