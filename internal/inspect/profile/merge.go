package profile

import (
	"errors"
	"fmt"
)

// Merge adds profiles of one kind up, of several processes that run the same code.
func Merge(name string, list []*Capture) (*Capture, error) {
	merged := &Profile{Root: &Node{Frame: Frame{Name: "all"}}}
	for _, c := range list {
		if c.Profile == nil || merged.Unit != "" && merged.Unit != c.Profile.Unit {
			return nil, errors.New("they are no profiles of one kind")
		}
		merged.Unit = c.Profile.Unit
		merged.Idle += c.Profile.Idle
		merged.Samples += c.Profile.Samples
		merged.Root.merge(c.Profile.Root)
	}
	return &Capture{Name: name, Profile: merged}, nil
}

// merge adds a tree to this one: what both have is added up at the same place.
func (n *Node) merge(other *Node) {
	n.Self += other.Self
	at := map[Frame]*Node{}
	for _, child := range n.Children {
		at[child.Frame] = child
	}
	for _, child := range other.Children {
		own := at[child.Frame]
		if own == nil {
			own = &Node{Frame: child.Frame}
			at[child.Frame] = own
			n.Children = append(n.Children, own)
		}
		own.merge(child)
	}
}

// Summary says in a line what a capture holds.
func (c *Capture) Summary() string {
	switch {
	case c.Profile != nil && c.Profile.Unit == Microseconds:
		total := c.Profile.Root.Total()
		return fmt.Sprintf("busy %.0f %%, most in %s", 100*float64(total)/float64(max(1, total+c.Profile.Idle)), c.Profile.most())
	case c.Profile != nil:
		return fmt.Sprintf("%.1f MB, most by %s", float64(c.Profile.Root.Total())/1e6, c.Profile.most())
	case c.Snapshot != nil:
		return fmt.Sprintf("%d objects, %.1f MB", c.Snapshot.Objects, float64(c.Snapshot.Size)/1e6)
	}
	return "a report"
}

// most names the function that took most itself.
func (p *Profile) most() string {
	for _, f := range p.Functions() {
		return f.Name
	}
	return "nothing"
}
