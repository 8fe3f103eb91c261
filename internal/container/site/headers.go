package site

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// HeadersFile is the name of the file with headers in the folder that is served.
const HeadersFile = "_headers"

// ParseHeaders reads a file _headers: https://docs.netlify.com/manage/routing/headers/ and
// https://developers.cloudflare.com/pages/configuration/headers/. A path has no space before it, its headers have; "! Name" takes one away that the
// server has by default. What is not understood is told by its line, and passed over.
func ParseHeaders(text string) (list []Header, warnings []string) {
	warn := func(line int, why string) {
		warnings = append(warnings, fmt.Sprintf("%s:%d: %s", HeadersFile, line, why))
	}
	var open *Header
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			open = nil
			if !strings.HasPrefix(trimmed, "/") && !strings.HasPrefix(trimmed, "https://") && !strings.HasPrefix(trimmed, "http://") {
				warn(n+1, "a path begins with /, and the headers of one have a space before them")
				continue
			}
			list = append(list, Header{For: Address(trimmed)})
			open = &list[len(list)-1]
			continue
		}
		if open == nil {
			warn(n+1, "there is no path above it")
			continue
		}
		if name, found := strings.CutPrefix(trimmed, "!"); found {
			open.Remove = append(open.Remove, strings.TrimSpace(name))
			continue
		}
		name, value, found := strings.Cut(trimmed, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			warn(n+1, "it is no header, which is written as Name: value")
			continue
		}
		open.Set = append(open.Set, [2]string{name, value})
	}
	return list, warnings
}
