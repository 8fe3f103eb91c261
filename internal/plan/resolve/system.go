package resolve

import (
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/aptfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// packageName is the name of a package, perhaps with a version: https://www.debian.org/doc/debian-policy/ch-controlfields.html#source.
var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?$`)

// system says which packages of the distribution the application needs: those of the settings, or else those that it asks for in the
// ways of Heroku.
func (a Application) system() (s plan.System, n plan.Notes, err error) {
	asked, err := aptfile.Read(a.source)
	if err != nil {
		return s, n, err
	}
	names := asked.Names
	origin, where := asked.Where.String(), asked.Where
	if own := a.settings.Packages; own.IsSet() || own.IsOperators() {
		if asked.Where.File != "" {
			n.Warnings = append(n.Warnings, asked.Where.String()+" is not read: "+own.Origin+" says which packages of the distribution the image gets.")
		}
		names, origin, where = split(own), own.Origin, own.Where
	} else {
		n.Warnings = asked.NotHonoured
	}
	if s.Packages, err = checkNames(names, origin, where); err != nil {
		return s, n, err
	}
	build := a.settings.BuildPackages
	if s.Build, err = checkNames(split(build), build.Origin, build.Where); err != nil {
		return s, n, err
	}
	s.Snapshot = a.settings.PackagesSnapshot.Value
	for _, group := range []struct {
		subject, origin string
		names           []string
	}{{"system packages", origin, s.Packages}, {"build packages", build.Origin, s.Build}} {
		if len(group.names) > 0 {
			n.Decisions = append(n.Decisions, plan.Decision{Subject: group.subject, Value: strings.Join(group.names, ", "), Origin: "from " + group.origin})
		}
	}
	return s, n, nil
}

// split gives the words of a list.
func split(s settings.Setting) (words []string) {
	for word := range strings.SplitSeq(s.Value, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// checkNames gives names of packages, each once.
func checkNames(names []string, origin string, where problem.Position) (list []string, err error) {
	seen := map[string]bool{}
	for _, name := range names {
		if !packageName.MatchString(name) {
			if where.File == "" {
				where.File = origin
			}
			return nil, &problem.Problem{
				ID: "packages/name", Title: problem.Visible(name) + " is no name of a package", Where: where, Why: "names have small letters, digits, and + - . in them; a version is written name=version",
				Hints: []string{"Correct it: https://packages.debian.org finds names."},
			}
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list, nil
}
