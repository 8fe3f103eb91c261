package npm

import (
	"errors"
	"fmt"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// explain tells which package a failed download was for, in the words that npm's own failures get.
func (t *Tree) explain(n *node, err error) error {
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		return err
	}
	named := *p
	lockfile := problem.Position{File: t.project.Lockfile}
	switch p.ID {
	case "fetch/checksum":
		named.ID, named.Title, named.Where = "node/package-integrity", fmt.Sprintf("%s %s is not the package that the lockfile pins", n.title(), n.Version), lockfile
		named.Hints = []string{"If a registry or proxy was changed on purpose, run `npm install` and commit the lockfile; otherwise do not go on."}
	case "fetch/refused":
		named.ID, named.Title, named.Where = "node/registry-unauthorized", fmt.Sprintf("the registry refuses %s %s", n.title(), n.Version), problem.Position{File: ".npmrc"}
		named.Hints = []string{"Give the build an .npmrc with a valid token for it, with the token in a variable of the build (${NPM_TOKEN})."}
	case "fetch/not-found":
		named.ID, named.Title, named.Where = "node/package-not-found", fmt.Sprintf("%s %s is not in the registry", n.title(), n.Version), lockfile
		named.Hints = []string{"Check its name and version, and that the right registry is set for its scope in .npmrc."}
	default:
		named.Title = fmt.Sprintf("%s, for the package %s %s", p.Title, n.title(), n.Version)
	}
	return &named
}

// malformed is a checksum in the lockfile that no file can have: npm would ask for the package again and again.
func (t *Tree) malformed(n *node) error {
	return &problem.Problem{
		ID:    "node/integrity-malformed",
		Title: fmt.Sprintf("the lockfile pins %s %s with a checksum that no file can have", n.title(), n.Version),
		Where: problem.Position{File: t.project.Lockfile},
		Why:   fmt.Sprintf("the integrity %q is too short, too long, or no base64", n.Integrity),
		Hints: []string{"Take the lockfile's last good version, or remove the package's entry, run `npm install` and commit the lockfile."},
	}
}
