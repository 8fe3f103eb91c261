package session

import "strings"

// Describe gives a session that only describes a build: of an application in a folder, for an architecture, with variables
// as NAME=value.
func Describe(app, arch string, environ []string) Session {
	s := Session{App: app, Arch: arch, own: map[string]string{}}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		s.own[name] = value
	}
	return s
}
