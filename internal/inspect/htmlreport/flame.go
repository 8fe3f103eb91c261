package htmlreport

import (
	"cmp"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
)

// box is a box of a flame graph before it has its place: the same for one profile and for two.
type box struct {
	frame         profile.Frame
	value, before int64
	children      []*box
	compared      bool
}

func fromNode(n *profile.Node) *box {
	b := &box{frame: n.Frame, value: n.Self}
	for _, child := range n.Children {
		c := fromNode(child)
		b.value += c.value
		b.children = append(b.children, c)
	}
	return b
}

func fromDelta(d *profile.Delta) *box {
	b := &box{frame: d.Frame, value: d.After, before: d.Before, compared: true}
	for _, child := range d.Children {
		b.children = append(b.children, fromDelta(child))
	}
	return b
}

// smallest is the share of the whole from which a box is drawn: smaller ones would be invisible, and there can be hundreds
// of thousands.
const smallest = 1.0 / 20_000

func flameOf(unit profile.Unit, total int64, root *box) *Flame {
	f := &Flame{Unit: unit, Total: total, Frames: []frame{}}
	index := map[profile.Frame]int{}
	var lay func(b *box, depth int, start int64)
	lay = func(b *box, depth int, start int64) {
		i, known := index[b.frame]
		if !known {
			i = len(f.Frames)
			index[b.frame] = i
			f.Frames = append(f.Frames, frame{b.frame.Name, place(b.frame), profile.Package(b.frame)})
		}
		f.Frame, f.Depth, f.Start, f.Value = append(f.Frame, i), append(f.Depth, depth), append(f.Start, start), append(f.Value, b.value)
		if b.compared {
			f.Before = append(f.Before, b.before)
		}
		slices.SortStableFunc(b.children, func(x, y *box) int { return cmp.Compare(y.value, x.value) })
		for _, child := range b.children {
			if float64(child.value) < smallest*float64(total) || child.value == 0 {
				break
			}
			lay(child, depth+1, start)
			start += child.value
		}
	}
	lay(root, 0, 0)
	return f
}
