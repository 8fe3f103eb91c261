package app

import (
	"io/fs"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var shorthand = lazyregexp.New(`^(?:github:)?([\w.-]+/[\w.-]+)$`)

// WebAddress turns the forms that npm allows into an https address; empty for one that it does not know.
func WebAddress(repository string) string {
	if match := shorthand().FindStringSubmatch(repository); match != nil {
		return "https://github.com/" + match[1]
	}
	address := strings.TrimSuffix(strings.TrimPrefix(repository, "git+"), ".git")
	address = strings.Replace(address, "git://", "https://", 1)
	address = strings.Replace(address, "ssh://git@", "https://", 1)
	if host, rest, ok := strings.Cut(strings.TrimPrefix(address, "git@"), ":"); ok && strings.HasPrefix(address, "git@") {
		address = "https://" + host + "/" + rest
	}
	// Credentials in an address are nobody's business.
	if !strings.HasPrefix(address, "https://") || strings.Contains(address, "@") {
		return ""
	}
	return address
}

var (
	gitCommit = lazyregexp.New(`^[0-9a-f]{40}(?:[0-9a-f]{24})?$`)
	gitRemote = lazyregexp.New(`(?s)\[remote "origin"\][^\[]*?\n\s*url\s*=\s*(\S+)`)
)

// Git gives the commit that is checked out and the address of its origin, where the source brings its repository along:
// https://git-scm.com/docs/gitrepository-layout. What cannot be read is not said.
func (a App) Git() (revision, remote string) {
	read := func(name string) string {
		text, _, err := a.Read(".git/" + name)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	revision = read("HEAD")
	if ref, ok := strings.CutPrefix(revision, "ref: "); ok {
		revision = ""
		if fs.ValidPath(ref) {
			revision = read(ref)
		}
		for line := range strings.Lines(read("packed-refs")) {
			if commit, name, _ := strings.Cut(strings.TrimSpace(line), " "); revision == "" && name == ref {
				revision = commit
			}
		}
	}
	if !gitCommit().MatchString(revision) {
		revision = ""
	}
	if match := gitRemote().FindStringSubmatch(read("config")); match != nil {
		remote = match[1]
	}
	return revision, remote
}
