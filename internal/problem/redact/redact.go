// Package redact takes credentials out of what programs print: Bundler, for one, repeats a Git address with its password when it
// tries again.
package redact

import (
	"net/url"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// userinfo is that part of an address: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1.
var userinfo = lazyregexp.New(`\b([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#@:"'<>]*)(:[^\s/?#@"'<>]*)?@`)

// Addresses puts *** in place of passwords in all addresses of a text, and of user names of HTTP, which may be tokens.
func Addresses(text string) string {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return text
	}
	return userinfo().ReplaceAllStringFunc(text, func(found string) string {
		part := userinfo().FindStringSubmatch(found)
		scheme, user, password := part[1], part[2], part[3]
		switch {
		case password != "":
			return scheme + user + ":***@"
		case user != "" && strings.Contains(scheme, "http"):
			return scheme + "***@"
		}
		return found
	})
}

// URL is an address as it may be shown: without user information, query and fragment, each of which may be a token or a signature.
func URL(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	text := shown.String()
	if u.RawQuery != "" {
		// That there is one may be what is wrong with it.
		text += "?…"
	}
	return text
}
