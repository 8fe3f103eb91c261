package npm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// binLink is a command in a .bin folder; all paths are relative to the project.
type binLink struct{ link, text, target string }

// binLinks gives the commands of packages, as bin-links makes them from the lockfile's "bin".
func binLinks(installed []*node) ([]binLink, error) {
	var links []binLink
	// The first to claim a command keeps it, in Arborist's order: packages before links, by depth, then by place.
	sorted := slices.Clone(installed)
	slices.SortStableFunc(sorted, func(a, b *node) int {
		return cmp.Or(boolean(a.Link)-boolean(b.Link), cmp.Compare(a.depth(), b.depth()), collate(a.key, b.key))
	})
	claimed := map[string]bool{}
	for _, n := range sorted {
		if !inModules(n.key) {
			continue
		}
		commands, err := normaliseBin(n)
		if err != nil {
			return nil, err
		}
		folder := path.Join(strings.TrimSuffix(n.key, nameOf(n.key)), ".bin")
		for _, name := range slices.Sorted(maps.Keys(commands)) {
			link := path.Join(folder, name)
			if claimed[link] {
				continue
			}
			claimed[link] = true
			target := path.Join(n.key, commands[name])
			text, err := filepath.Rel(folder, target)
			if err != nil {
				return nil, unsupported("the command %s of %s cannot be linked", name, nameOf(n.key))
			}
			links = append(links, binLink{link, text, target})
		}
	}
	return links, nil
}

func (n *node) depth() int { return strings.Count(n.key, "node_modules/") }

// collation is the order of ICU's root collation for ASCII, which JavaScript's localeCompare('en') uses:
// https://www.unicode.org/charts/collation/. Letters of both cases weigh the same.
const collation = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"

// weights are the places of characters in collation, from 1; a lockfile has thousands of names to sort.
var weights = func() (w [256]byte) {
	for i := range collation {
		w[collation[i]], w[unicode.ToUpper(rune(collation[i]))] = byte(i+1), byte(i+1)
	}
	return w
}()

// collate compares names as localeCompare does; at the first difference in case, the lower one comes first.
func collate(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(weights[a[i]], weights[b[i]]); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), -strings.Compare(a, b))
}

// normaliseBin is npm-normalize-package-bin: names are single words, files stay inside the package.
func normaliseBin(n *node) (map[string]string, error) {
	bin, owner := n.Bin, n
	if n.target != nil {
		bin, owner = n.target.Bin, n.target
	}
	if empty(bin) {
		return nil, nil
	}
	raw := map[string]string{}
	if bin[0] == '"' {
		var file string
		if err := json.Unmarshal(bin, &file); err != nil {
			return nil, unsupported("the commands of %s are not understood", nameOf(n.key))
		}
		raw[owner.packageName()] = file
	} else if err := json.Unmarshal(bin, &raw); err != nil {
		return nil, unsupported("the commands of %s are not understood", nameOf(n.key))
	}
	clean := map[string]string{}
	for name, file := range raw {
		name = strings.TrimPrefix(path.Join("/", path.Base(strings.NewReplacer(`\`, "/", ":", "/").Replace(name))), "/")
		file = strings.TrimPrefix(path.Join("/", strings.ReplaceAll(file, `\`, "/")), "/")
		if name == "" || file == "" {
			continue
		}
		if _, twice := clean[name]; twice {
			return nil, unsupported("%s brings the command %s twice", nameOf(n.key), name)
		}
		clean[name] = file
	}
	return clean, nil
}

// link makes the commands of a tree; one whose file is not there is left out.
func link(dir string, links []binLink) error {
	for _, l := range links {
		target := filepath.Join(dir, l.target)
		info, err := os.Stat(target)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, l.link)), 0o777)
		}
		if err == nil {
			err = os.Symlink(l.text, filepath.Join(dir, l.link))
		}
		if err == nil && info.Mode().Perm() != executable {
			err = os.Chmod(target, executable)
		}
		if err == nil && !info.IsDir() {
			err = mendFirstLine(target)
		}
		if err != nil {
			return problem.Disk("link "+l.link, err)
		}
	}
	return nil
}

// executable is npm's 0777 under the umask that builds have.
const executable = 0o755

var carriageReturn = regexp.MustCompile(`^#![^\n]+\r\n`)

// mendFirstLine takes the carriage return off a script's first line, without which no kernel finds its interpreter:
// bin-links' fix-bin. The rest of the file goes through text and back, as it does there.
func mendFirstLine(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	head := make([]byte, 2048)
	n, _ := in.Read(head)
	_ = in.Close()
	found := carriageReturn.Find(head[:n])
	if found == nil {
		return nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mended := append(bytes.Clone(found[:len(found)-2]), '\n')
	mended = append(mended, content[len(found):]...)
	if !utf8.Valid(mended) {
		mended = []byte(strings.ToValidUTF8(string(mended), "\ufffd"))
	}
	return os.WriteFile(file, mended, executable)
}
