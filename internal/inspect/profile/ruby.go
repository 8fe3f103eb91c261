package profile

import (
	"path"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

// fromRuby makes a tree of the samples: in it, allocations count in bytes.
func fromRuby(d *rubyprofile.Document) *Profile {
	p := &Profile{Unit: Bytes, Root: &Node{Frame: Frame{Name: "all"}}, Samples: d.Taken}
	if d.Kind == rubyprofile.CPU {
		p.Unit, p.Idle = Microseconds, max(0, d.Microseconds-d.Processor)
	}
	type place struct {
		parent *Node
		frame  Frame
	}
	children := map[place]*Node{}
	for _, s := range d.Samples {
		at := p.Root
		calls := d.Calls(s)
		for i := len(calls) - 1; i >= 0; i-- {
			frame := Frame{Name: calls[i].Function.Name, File: calls[i].File, Line: calls[i].Function.Line}
			if calls[i].Function.File == "" {
				// A function in C is where it was called.
				frame.Line = calls[i].Line
			}
			key := place{at, frame}
			child := children[key]
			if child == nil {
				child = &Node{Frame: frame}
				children[key] = child
				at.Children = append(at.Children, child)
			}
			at = child
		}
		at.Self += s.Bytes + s.Microseconds
	}
	if part := d.Taken + d.Collecting + d.Native; d.Kind == rubyprofile.CPU && part > 0 {
		each := d.Processor / int64(part)
		for name, samples := range map[string]int{"(garbage collector)": d.Collecting, "(threads that are not Ruby's)": d.Native} {
			if samples > 0 {
				p.Root.Children = append(p.Root.Children, &Node{Frame: Frame{Name: name}, Self: int64(samples) * each})
			}
		}
	}
	return p
}

// The folders in which gems are: installed ones, and those that Bundler takes from git.
var (
	gemFolder = regexp.MustCompile(`/(?:bundler/)?gems/([^/]+?)-(?:[0-9][^/]*|[0-9a-f]{7,40})/`)
	rubyLib   = regexp.MustCompile(`/lib/ruby/(?:[0-9.]+|site_ruby|vendor_ruby)/`)
)

// rubyPackage gives the gem that a file of Ruby belongs to, or the part of Ruby itself; empty for another file.
func rubyPackage(file string) string {
	// The innermost of several: Ruby's own gems, and an application's, lie in folders of the same names.
	if m := gemFolder.FindAllStringSubmatch(file, -1); m != nil {
		return m[len(m)-1][1]
	}
	switch {
	case strings.HasPrefix(file, "<internal:"), rubyLib.MatchString(file):
		return "Ruby"
	case path.Ext(file) == ".rb" && strings.Contains(file, "/vendor/"):
		// A gem that is part of the source.
		_, rest, _ := strings.Cut(file, "/vendor/")
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	return ""
}
