package fileserver

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/site"
)

// redirect finds the first rule for a request, and fills its target. Where there is a file of that path, a rule counts only if it is forced.
func (s *server) redirect(r *http.Request, there bool) (rule site.Redirect, target string, ok bool) {
	for _, each := range s.redirects {
		parts, matches := each.matches(hostOf(r), r.URL.Path)
		if !matches || !cameBy(each.From.Scheme, r) || !queryMatches(each.Query, r.URL.Query(), parts) {
			continue
		}
		if there && !each.Force {
			return rule, "", false
		}
		if each.Status/100 != 3 {
			return each.Redirect, site.Fill(each.To, parts), true
		}
		target = site.FillAddress(each.To, parts)
		if leadsHere(target, r) {
			continue
		}
		return each.Redirect, target, true
	}
	return rule, "", false
}

// leadsHere reports whether a target is what was asked for, in which case it would be asked for again, and again.
func leadsHere(target string, r *http.Request) bool {
	u, err := url.Parse(target)
	if err != nil || u.RawQuery != "" && u.RawQuery != r.URL.RawQuery {
		return false
	}
	samePath := strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(r.URL.Path, "/") && strings.HasSuffix(u.Path, "/") == strings.HasSuffix(r.URL.Path, "/")
	sameHost := u.Host == "" || strings.EqualFold(u.Hostname(), hostOf(r)) && (u.Scheme == schemeOf(r) || schemeOf(r) == "")
	return samePath && sameHost
}

// queryMatches reports whether a request has the parameters of a rule, and adds those that have a name to the parts.
func queryMatches(wanted map[string]string, given url.Values, parts map[string]string) bool {
	for name, value := range wanted {
		if !given.Has(name) {
			return false
		}
		if part, named := strings.CutPrefix(value, ":"); named {
			parts[part] = given.Get(name)
		} else if given.Get(name) != value {
			return false
		}
	}
	return true
}

// follow answers as a rule says.
func (s *server) follow(w http.ResponseWriter, r *http.Request, rule site.Redirect, target string) {
	switch rule.Status {
	case http.StatusOK, http.StatusNotFound, http.StatusGone:
		path, _, _ := strings.Cut(target, "?")
		if plain, err := url.PathUnescape(path); err == nil && strings.Contains(rule.To, "%") {
			path = plain
		}
		f := s.find(path)
		if f.folder {
			f = s.find(path + "/")
		}
		if target != "" && f.name != "" {
			s.file(w, r, f.name, rule.Status)
			return
		}
		if rule.Status == http.StatusOK || target == "" && rule.Status == http.StatusNotFound {
			s.notFound(w, r)
			return
		}
		http.Error(w, strings.ToLower(http.StatusText(rule.Status)), rule.Status)
	default:
		http.Redirect(w, r, located(target, r, rule), rule.Status)
	}
}

// notFound answers that there is nothing, whatever the site's start page is.
func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	if name := s.notFoundPage(); s.is(name) {
		s.file(w, r, name, http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.Error(w, "not found", http.StatusNotFound)
}

// located is the address of a target. Parameters of the request that the rule does not use go along, as Netlify has it; a path stays one on this host.
func located(target string, r *http.Request, rule site.Redirect) string {
	if strings.HasPrefix(target, "/") {
		target = "/" + strings.TrimLeft(target, `/\`)
	}
	query := r.URL.RawQuery
	if query == "" || len(rule.Query) > 0 {
		return target
	}
	before, fragment, hasFragment := strings.Cut(target, "#")
	sign := "?"
	if strings.Contains(before, "?") {
		sign = "&"
	}
	if before += sign + query; hasFragment {
		return before + "#" + fragment
	}
	return before
}

// toOneAddress sends requests to https and to the site's host, if it wants that. X-Forwarded-Proto is what proxies say of how the request came to them; a
// request without it comes from the same machine, or from a probe.
func toOneAddress(s site.Site, next http.Handler) http.Handler {
	if !s.ForceHTTPS && s.Host == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
		insecure := s.ForceHTTPS && strings.EqualFold(strings.TrimSpace(proto), "http")
		elsewhere := s.Host != "" && proto != "" && !strings.EqualFold(hostOf(r), s.Host)
		if !insecure && !elsewhere {
			next.ServeHTTP(w, r)
			return
		}
		host, scheme := r.Host, "https"
		if elsewhere {
			host = s.Host
		}
		if !s.ForceHTTPS && strings.TrimSpace(proto) == "http" {
			scheme = "http"
		}
		http.Redirect(w, r, scheme+"://"+host+r.URL.RequestURI(), http.StatusMovedPermanently)
	})
}
