package profile

import (
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Delta is a node of two profiles laid over each other: what was before, and what is after.
type Delta struct {
	Frame         Frame
	Before, After int64
	Children      []*Delta
}

// Compare lays a profile over an earlier one: what both have is added up at the same place.
func Compare(before, after *Capture) (*Delta, error) {
	if before.Profile == nil || after.Profile == nil || before.Profile.Unit != after.Profile.Unit {
		return nil, &problem.Problem{
			ID:    "report/not-comparable",
			Title: before.Name + " and " + after.Name + " cannot be compared",
			Why:   "they are captures of different kinds, or of a kind of which two cannot be laid over each other",
			Hints: []string{"Compare two CPU profiles, two heap profiles, or two heap snapshots."},
		}
	}
	root := &Delta{Frame: Frame{Name: "all"}}
	root.add(before.Profile.Root, func(d *Delta, n int64) { d.Before += n })
	root.add(after.Profile.Root, func(d *Delta, n int64) { d.After += n })
	return root, nil
}

func (d *Delta) add(n *Node, count func(*Delta, int64)) int64 {
	total := n.Self
	for _, child := range n.Children {
		var at *Delta
		for _, other := range d.Children {
			// The line may have moved from one version to the other.
			if other.Frame.Name == child.Frame.Name && other.Frame.File == child.Frame.File {
				at = other
				break
			}
		}
		if at == nil {
			at = &Delta{Frame: child.Frame}
			d.Children = append(d.Children, at)
		}
		total += at.add(child, count)
	}
	count(d, total)
	return total
}
