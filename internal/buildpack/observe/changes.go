package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Changes are what has become of a tree.
type Changes struct {
	// Made are the entries that are new or other than before, by their names.
	Made Tree `json:"made,omitempty"`
	// Gone are the names of those that are not there any more.
	Gone []string `json:"gone,omitempty"`
}

// None reports whether nothing has changed.
func (c Changes) None() bool { return len(c.Made)+len(c.Gone) == 0 }

// Changes gives what has changed between two states of the folder. Digests of the first must be known.
func (s Source) Changes(before, after Tree) (c Changes, now Tree, err error) {
	var touched []string
	for name, e := range after {
		if old, known := before[name]; !known || !e.state.same(old.state) {
			touched = append(touched, name)
		}
	}
	if len(touched) > 0 {
		if after, err = s.Digest(after, touched...); err != nil {
			return c, after, err
		}
	}
	c.Made = Tree{}
	for _, name := range touched {
		if e, old := after[name], before[name]; e.Kind != old.Kind || e.Mode != old.Mode || e.Content != old.Content {
			c.Made[name] = e
		}
	}
	for name := range before {
		if _, still := after[name]; !still {
			c.Gone = append(c.Gone, name)
		}
	}
	slices.Sort(c.Gone)
	return c, after, nil
}

// Touched is what is new, gone, or may have been written in another state of the folder, from what the file system says alone.
func (t Tree) Touched(after Tree) (c Changes) {
	c.Made = Tree{}
	for name, e := range after {
		if old, known := t[name]; !known || e.Kind != old.Kind || e.Mode != old.Mode || e.isFile() && !e.state.same(old.state) {
			c.Made[name] = e
		}
	}
	for name := range t {
		if _, still := after[name]; !still {
			c.Gone = append(c.Gone, name)
		}
	}
	slices.Sort(c.Gone)
	return c
}

// With gives a tree with changes made to it.
func (t Tree) With(c Changes) Tree {
	all := maps.Clone(t)
	for _, name := range c.Gone {
		delete(all, name)
	}
	maps.Copy(all, c.Made)
	return all
}

// Sum sums changes up.
func (c Changes) Sum() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Made)) {
		e := c.Made[name]
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00%o\x00%s\x00", name, e.Kind, e.Mode, e.Content)
	}
	for _, name := range c.Gone {
		_, _ = fmt.Fprintf(sum, "%s\x00gone\x00", name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Other gives the names of what is not the same in two sets of changes, in order.
func (c Changes) Other(than Changes) (names []string) {
	for name, e := range c.Made {
		if old, there := than.Made[name]; !there || old.Kind != e.Kind || old.Mode != e.Mode || old.Content != e.Content {
			names = append(names, name)
		}
	}
	for name := range than.Made {
		if _, there := c.Made[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Size is how much was made, in bytes.
func (c Changes) Size() (n int64) {
	for _, e := range c.Made {
		if e.isFile() {
			n += e.state.size
		}
	}
	return n
}

// Files are the names of the files among what was made, in order: what an archive of it has to hold.
func (c Changes) Files() []string {
	var names []string
	for name, e := range c.Made {
		if e.isFile() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
