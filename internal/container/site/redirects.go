package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// RedirectsFile is the name of the file with redirects in the folder that is served.
const RedirectsFile = "_redirects"

// statuses are those that a redirect may have.
var statuses = []int{200, 301, 302, 303, 307, 308, 404, 410}

// ParseRedirects reads a file _redirects: https://docs.netlify.com/manage/routing/redirects/overview/ and
// https://developers.cloudflare.com/pages/configuration/redirects/. A line is FROM [NAME=VALUE …] TO [STATUS[!]]; without a status it is 301. What is
// not understood, or not done, is told by its line, and passed over.
func ParseRedirects(text string) (list []Redirect, warnings []string) {
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if i := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "#") }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		r, why := parseRedirect(words)
		if why == "" {
			why = r.Check()
		}
		if why != "" {
			warnings = append(warnings, fmt.Sprintf("%s:%d: %s", RedirectsFile, n+1, why))
			continue
		}
		list = append(list, r)
	}
	return list, warnings
}

func parseRedirect(words []string) (r Redirect, why string) {
	r = Redirect{From: Address(words[0]), Status: 301}
	words = words[1:]
	for len(words) > 0 && !isTarget(words[0]) {
		name, value, found := strings.Cut(words[0], "=")
		if !found {
			break
		}
		if r.Query == nil {
			r.Query = map[string]string{}
		}
		r.Query[name], words = value, words[1:]
	}
	if len(words) == 0 {
		return r, "it has no target"
	}
	if status, force, ok := parseStatus(words[0]); ok && len(words) == 1 && status >= 400 {
		// "/secret/* 404" has no target.
		r.Status, r.Force = status, force
		return r, ""
	}
	r.To, words = words[0], words[1:]
	if len(words) > 0 {
		status, force, ok := parseStatus(words[0])
		if !ok {
			return r, fmt.Sprintf("%q is no status", words[0])
		}
		r.Status, r.Force, words = status, force, words[1:]
	}
	if len(words) > 0 {
		return r, fmt.Sprintf("the condition %q is not known here: it is passed over", words[0])
	}
	return r, ""
}

func isTarget(word string) bool {
	return strings.HasPrefix(word, "/") || strings.Contains(word, "://")
}

func parseStatus(word string) (status int, force, ok bool) {
	word, force = strings.CutSuffix(word, "!")
	status, err := strconv.Atoi(word)
	return status, force, err == nil
}

// Check says why a redirect cannot be done; empty where it can.
func (r Redirect) Check() (why string) {
	switch {
	case !slices.Contains(statuses, r.Status):
		return fmt.Sprintf("the status %d is none of %s", r.Status, strings.Trim(fmt.Sprint(statuses), "[]"))
	case r.Status == 200 && strings.Contains(r.To, "://"):
		return "requests are not passed on to " + r.To + ": let the page ask there itself, or a proxy in front of the image"
	case r.To == "" && r.Status < 400:
		return "it has no target"
	case !isTarget(r.To) && r.To != "":
		return fmt.Sprintf("the target %q begins neither with / nor with a scheme", r.To)
	}
	return ""
}
