package npm

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Config is what npm's configuration says that matters for a tree: https://docs.npmjs.com/cli/using-npm/config.
type Config struct {
	values map[string]string
}

// left to npm: settings that change the tree, or how the registry is reached, in ways that are npm's own.
var foreignSettings = []string{
	"allow-directory", "allow-file", "allow-git", "allow-remote", "allow-scripts", "also", "before", "bin-links", "ca", "cafile",
	"cert", "cpu", "dangerously-allow-all-scripts", "dev", "dry-run", "force", "global", "global-style",
	"ignore-scripts", "include", "include-workspace-root", "install-links", "install-strategy", "key", "legacy-bundling",
	"libc", "link", "local-address", "location", "noproxy", "offline", "omit",
	"omit-lockfile-registry-resolved", "only", "optional", "os", "package-lock-only", "prefix", "production", "proxy",
	"https-proxy", "rebuild-bundle", "replace-registry-host", "shrinkwrap", "strict-allow-scripts", "strict-ssl", "umask",
	"workspace", "workspaces",
}

const defaultRegistry = "https://registry.npmjs.org"

// UserConfig gives the place of the user's .npmrc.
func UserConfig(variables map[string]string) string {
	for name, value := range variables {
		if key, _ := settingOf(name); key == "userconfig" && value != "" {
			return value
		}
	}
	return path.Join(variables["HOME"], ".npmrc")
}

// Credentials gives the names of the variables with which an npm registry is talked to: those that .npmrc files take for tokens and passwords, and those that are npm's
// own settings of that kind. What only runs install scripts needs none of them.
func Credentials(files []string, variables map[string]string) []string {
	var names []string
	for _, text := range files {
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(line, "=")
			if !isCredential(key) {
				continue
			}
			for _, found := range referred().FindAllStringSubmatch(value, -1) {
				names = append(names, found[1])
			}
		}
	}
	for name := range variables {
		// An underscore at the beginning of a setting is its own: npm_config__auth.
		if key, ok := settingOf(name); ok && (isCredential(key) || strings.HasPrefix(key, "-") && isCredential("_"+key[1:])) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// referred finds a variable in a value: https://docs.npmjs.com/cli/v11/configuring-npm/npmrc#environment-variables
var referred = lazyregexp.New(`\$\{([^}?]+)\??\}`)

// isCredential reports whether a setting is a token, a password or a name for a registry.
func isCredential(key string) bool {
	key = strings.TrimSpace(key)
	at := strings.LastIndex(key, ":")
	name := key[at+1:]
	return slices.Contains([]string{"_authToken", "_auth", "_password", "username"}, name) && (at >= 0 || strings.HasPrefix(name, "_"))
}

// ReadConfig reads .npmrc files, the later ones over the earlier, and variables named npm_config_…, which win. The files
// may name variables.
func ReadConfig(files []string, variables map[string]string) (Config, error) {
	c := Config{values: map[string]string{}}
	lookup := func(name string) (string, bool) { value, found := variables[name]; return value, found }
	for _, text := range files {
		for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			if line[0] == '[' {
				return c, unsupported(".npmrc has sections")
			}
			key, value, found := strings.Cut(line, "=")
			if !found {
				value = "true"
			}
			c.values[expand(unquote(key), lookup)] = expand(unquote(value), lookup)
		}
	}
	for name, value := range variables {
		if key, ok := settingOf(name); ok {
			c.values[key] = value
		}
	}
	for _, key := range foreignSettings {
		if value, set := c.values[key]; set && value != "false" && value != "" {
			return c, unsupported("npm's setting %s is given", key)
		}
	}
	for key := range c.values {
		// Values may be secrets, and keys may name hosts.
		switch {
		case strings.HasSuffix(key, ":certfile") || strings.HasSuffix(key, ":keyfile"):
			return c, unsupported("npm's configuration has client certificates")
		case strings.HasSuffix(key, "[]") || key == "_auth" || key == "_authToken":
			return c, unsupported("npm's configuration has a setting of an older form")
		}
	}
	return c, nil
}

// settingOf gives the setting that an environment variable stands for.
func settingOf(name string) (string, bool) {
	lower := strings.ToLower(name)
	key, ok := strings.CutPrefix(lower, "npm_config_")
	if !ok || key == "" {
		return "", false
	}
	if strings.HasPrefix(key, "//") {
		// Credentials keep their case, and their underscores.
		return name[len("npm_config_"):], true
	}
	return strings.ReplaceAll(key, "_", "-"), true
}

func unquote(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	text, _, _ = strings.Cut(text, " ;")
	text, _, _ = strings.Cut(text, " #")
	return strings.TrimSpace(text)
}

// reference is ${NAME}, ${NAME?} or ${NAME-default}: @npmcli/config's env-replace.
var reference = regexp.MustCompile(`\$\{([^}?-]+)(\?|-[^}]*)?\}`)

func expand(text string, lookup func(string) (string, bool)) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		parts := reference.FindStringSubmatch(found)
		if value, ok := lookup(parts[1]); ok {
			return value
		}
		switch {
		case parts[2] == "?":
			return ""
		case strings.HasPrefix(parts[2], "-"):
			return parts[2][1:]
		}
		return found
	})
}

// legacyPeers reports whether peer dependencies are to be left alone.
func (c Config) legacyPeers() bool { return c.values["legacy-peer-deps"] == "true" }

// registry is that of a scope ("@name"), or the general one; without a trailing slash.
func (c Config) registry(scope string) string {
	return strings.TrimRight(cmp.Or(c.values[scope+":registry"], c.values["registry"], defaultRegistry), "/")
}

// url gives the place of a package's tarball. A lockfile names npm's public registry even when another one is used:
// npm's setting replace-registry-host. Where it names none, the place is that which every registry uses.
func (c Config) url(n *node) string {
	if n.Resolved == "" {
		return c.Tarball(n.packageName(), n.Version)
	}
	resolved, err := url.Parse(n.Resolved)
	own, ownErr := url.Parse(c.registry(""))
	if err != nil || ownErr != nil || resolved.Hostname() != "registry.npmjs.org" {
		return n.Resolved
	}
	resolved.Scheme, resolved.Host = own.Scheme, own.Host
	prefix := strings.TrimRight(own.Path, "/")
	if prefix != "" && !strings.HasPrefix(resolved.Path, prefix+"/") {
		resolved.Path = prefix + resolved.Path
	}
	return resolved.String()
}

// Tarball is the usual place of a package's tarball in its registry.
func (c Config) Tarball(name, version string) string {
	scope, _, scoped := strings.Cut(name, "/")
	if !scoped {
		scope = ""
	}
	return fmt.Sprintf("%s/%s/-/%s-%s.tgz", c.registry(scope), name, path.Base(name), version)
}

// Authorization is the header for a place; empty where the configuration has no credentials for it. They are kept under
// the place's host and the longest part of its path: npm-registry-fetch's auth.js.
func (c Config) Authorization(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return ""
	}
	if found := c.credentials(u); found != "" {
		return found
	}
	// A registry may keep its archives elsewhere on the same host.
	if own, err := url.Parse(c.registry("") + "/"); err == nil && own.Host == u.Host {
		return c.credentials(own)
	}
	return ""
}

func (c Config) credentials(u *url.URL) string {
	for at := strings.TrimRight(u.Path, "/"); ; at = at[:strings.LastIndexByte(at, '/')] {
		for _, key := range []string{"//" + u.Host + at + "/:", "//" + u.Host + at + ":"} {
			if token := c.values[key+"_authToken"]; token != "" {
				return "Bearer " + token
			}
			if basic := c.values[key+"_auth"]; basic != "" {
				return "Basic " + basic
			}
			if user, password := c.values[key+"username"], c.values[key+"_password"]; user != "" && password != "" {
				if plain, err := base64.StdEncoding.DecodeString(password); err == nil {
					return "Basic " + base64.StdEncoding.EncodeToString(slices.Concat([]byte(user+":"), plain))
				}
			}
		}
		if at == "" {
			return ""
		}
	}
}
