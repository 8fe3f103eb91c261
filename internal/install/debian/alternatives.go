package debian

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// alternative is a link that several packages offer: https://manpages.debian.org/bookworm/dpkg/update-alternatives.1.en.html.
type alternative struct {
	link, path string
	priority   int
}

// alternatives gives the links that a script which dpkg runs after unpacking sets up. The script is not run: a shell in which every
// command does nothing and no file can be read or written goes through it, and hears what it would give update-alternatives.
func alternatives(ctx context.Context, postinst string) []alternative {
	if !strings.Contains(postinst, "update-alternatives") {
		return nil
	}
	script, err := syntax.NewParser().Parse(strings.NewReader(postinst), "postinst")
	if err != nil {
		return nil
	}
	var list []alternative
	var mu sync.Mutex
	hear := func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
		return func(_ context.Context, words []string) error {
			if path.Base(words[0]) == "update-alternatives" {
				mu.Lock()
				defer mu.Unlock()
				list = append(list, readAlternatives(words[1:])...)
			}
			return nil
		}
	}
	empty := func(context.Context, string, int, os.FileMode) (io.ReadWriteCloser, error) { return nothing{}, nil }
	runner, err := interp.New(
		interp.Env(expand.ListEnviron("DPKG_MAINTSCRIPT_NAME=postinst")), interp.Params("--", "configure"),
		interp.ExecHandlers(hear), interp.OpenHandler(empty), interp.StdIO(nil, io.Discard, io.Discard),
		interp.ReadDirHandler2(func(context.Context, string) ([]fs.DirEntry, error) { return nil, nil }),
		interp.AccessHandler(func(context.Context, string, interp.AccessMode) error { return fs.ErrNotExist }),
		interp.StatHandler(func(context.Context, string, bool) (fs.FileInfo, error) { return nil, fs.ErrNotExist }),
	)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	// How the script ends does not matter: it cannot find what it looks for.
	_ = runner.Run(ctx, script)
	return list
}

// nothing is an empty file that takes whatever is written.
type nothing struct{}

func (nothing) Read([]byte) (int, error)    { return 0, io.EOF }
func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                { return nil }

// readAlternatives reads "--install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…".
func readAlternatives(words []string) (list []alternative) {
	at := slices.Index(words, "--install")
	if at < 0 || len(words) < at+5 {
		return nil
	}
	priority, err := strconv.Atoi(words[at+4])
	if err != nil {
		return nil
	}
	list = append(list, alternative{words[at+1], words[at+3], priority})
	for rest := words[at+5:]; len(rest) >= 4; rest = rest[4:] {
		if rest[0] == "--slave" {
			list = append(list, alternative{rest[1], rest[3], priority})
		}
	}
	return list
}

// best gives the links to make, by their names: of those that offer one, the one with the highest priority. There must be a file
// at the other end.
func best(list []alternative, there func(name string) bool) map[string]string {
	links, priorities := map[string]string{}, map[string]int{}
	for _, a := range list {
		link, target := merged(a.link), merged(a.path)
		if old, twice := priorities[link]; there(target) && !there(link) && (!twice || a.priority > old) {
			links[link], priorities[link] = "/"+target, a.priority
		}
	}
	return links
}

// sortedLinks gives the names of links in order.
func sortedLinks(links map[string]string) []string { return slices.Sorted(maps.Keys(links)) }
