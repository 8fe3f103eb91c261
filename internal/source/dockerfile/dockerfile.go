// Package dockerfile reads what a Dockerfile adds to an image that a buildpack does not find out by itself: packages of the distribution and
// variables. https://docs.docker.com/reference/dockerfile/.
package dockerfile

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// Name is the file's name.
const Name = "Dockerfile"

// Additions are what the last stage of a Dockerfile adds.
type Additions struct {
	// Packages are those that it installs with apt, and PackagesAt the first instruction that does.
	Packages   []string
	PackagesAt problem.Position
	// Variables are the names that it sets by ENV, and VariablesAt the first of these instructions.
	Variables   []string
	VariablesAt problem.Position
}

// usual are packages that the build or run image has, or that only serve to get others; and variables that Gantry sets or the platform does.
var (
	usualPackages  = []string{"ca-certificates", "tzdata", "openssl", "libstdc++6", "build-essential", "gcc", "g++", "make", "python3", "git", "curl", "wget", "gnupg", "tini", "dumb-init", "bash", "apt-transport-https", "procps"}
	usualVariables = []string{"NODE_ENV", "PORT", "PATH", "HOST", "HOSTNAME", "RAILS_ENV", "RACK_ENV", "BUNDLE_PATH", "BUNDLE_DEPLOYMENT", "BUNDLE_WITHOUT", "LANG", "HOME", "CI", "NPM_CONFIG_LOGLEVEL", "NEXT_TELEMETRY_DISABLED", "DEBIAN_FRONTEND"}
)

// Read gives what a Dockerfile adds. What is not understood is passed over.
func Read(text []byte) (a Additions) {
	stages := map[string]Additions{}
	name := ""
	for _, i := range instructions(string(text)) {
		switch i.name {
		case "FROM":
			// What earlier stages hold is in the image only if it is made of one.
			stages[name] = a
			words := strings.Fields(strings.ToLower(i.rest))
			a, name = Additions{}, ""
			if len(words) > 0 {
				a = stages[words[0]]
			}
			if len(words) > 2 && words[1] == "as" {
				name = words[2]
			}
		case "RUN":
			command := i.rest
			var words []string
			if json.Unmarshal([]byte(command), &words) == nil {
				command = strings.Join(words, " ")
			}
			for _, p := range aptPackages(command) {
				if !slices.Contains(usualPackages, p) && !slices.Contains(a.Packages, p) {
					a.Packages = append(a.Packages, p)
				}
			}
			if len(a.Packages) > 0 && a.PackagesAt.Line == 0 {
				a.PackagesAt = problem.Position{File: Name, Line: i.line}
			}
		case "ENV":
			for _, name := range variables(i.rest) {
				if !slices.Contains(usualVariables, name) && !slices.Contains(a.Variables, name) {
					a.Variables = append(a.Variables, name)
				}
			}
			if len(a.Variables) > 0 && a.VariablesAt.Line == 0 {
				a.VariablesAt = problem.Position{File: Name, Line: i.line}
			}
		}
	}
	return a
}

// packageName is what Debian allows: https://www.debian.org/doc/debian-policy/ch-controlfields.html#source.
var packageName = lazyregexp.New(`^[a-z0-9][a-z0-9+.-]*[a-z][a-z0-9+.-]*$`)

type instruction struct {
	name, rest string
	line       int
}

// instructions gives the instructions of a file; a line that ends with a backslash goes on with the next one that is no comment.
func instructions(text string) (list []instruction) {
	var open *instruction
	for n, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		part, more := strings.CutSuffix(line, "\\")
		if open == nil {
			name, rest, _ := strings.Cut(strings.ReplaceAll(part, "\t", " "), " ")
			list = append(list, instruction{strings.ToUpper(name), strings.TrimSpace(rest), n + 1})
			open = &list[len(list)-1]
		} else {
			open.rest += " " + strings.TrimSpace(part)
		}
		if !more {
			open = nil
		}
	}
	return list
}

// aptPackages gives the packages that a command installs, without versions.
func aptPackages(command string) (list []string) {
	for part := range strings.SplitSeq(strings.NewReplacer("&&", "\n", ";", "\n", "||", "\n").Replace(command), "\n") {
		words := shell.Fields(part)
		at := slices.Index(words, "install")
		if at < 1 || words[at-1] != "apt-get" && words[at-1] != "apt" && !strings.HasPrefix(words[at-1], "-") || !slices.Contains(words[:at], "apt-get") && !slices.Contains(words[:at], "apt") {
			continue
		}
		for n, word := range words[at+1:] {
			if before := words[at+n]; before == "-t" || before == "--target-release" || strings.HasPrefix(word, "#") {
				continue
			}
			name, _, _ := strings.Cut(word, "=")
			if !strings.HasPrefix(word, "-") && packageName().MatchString(name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// variables gives the names that ENV sets: NAME=value …, or NAME value.
func variables(rest string) (list []string) {
	first, _, _ := strings.Cut(rest, " ")
	if !strings.Contains(first, "=") {
		return []string{first}
	}
	for _, word := range strings.Fields(rest) {
		if name, _, found := strings.Cut(word, "="); found && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" && name != "" {
			list = append(list, name)
		}
	}
	return list
}
