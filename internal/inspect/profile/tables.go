package profile

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Line is a row of a table: what it is of, and what it took by itself and with all that it called.
type Line struct {
	Name        string
	Frame       Frame
	Self, Total int64
}

// Functions gives all functions, those that took most by themselves first. A function that calls itself counts once.
func (p *Profile) Functions() []Line {
	return p.table(func(f Frame) (string, Frame) { return f.Name + "\x00" + f.File, Frame{f.Name, f.File, f.Line} }, true)
}

// Packages gives what npm packages, the application's files and the runtime took.
func (p *Profile) Packages() []Line {
	return p.table(func(f Frame) (string, Frame) { return Package(f), Frame{Name: Package(f)} }, false)
}

// table adds up by a key; lines tells whether functions of one name on different lines are different.
func (p *Profile) table(key func(Frame) (string, Frame), lines bool) []Line {
	type id struct {
		key  string
		line int
	}
	rows, inside := map[id]*Line{}, map[id]int{}
	var visit func(*Node) int64
	visit = func(n *Node) int64 {
		name, frame := key(n.Frame)
		k := id{key: name}
		if lines {
			k.line = n.Frame.Line
		}
		row := rows[k]
		if row == nil {
			row = &Line{Name: frame.Name, Frame: frame}
			rows[k] = row
		}
		inside[k]++
		total := n.Self
		for _, child := range n.Children {
			total += visit(child)
		}
		inside[k]--
		row.Self += n.Self
		if inside[k] == 0 {
			row.Total += total
		}
		return total
	}
	for _, child := range p.Root.Children {
		visit(child)
	}
	list := make([]Line, 0, len(rows))
	for _, row := range rows {
		list = append(list, *row)
	}
	slices.SortFunc(list, func(a, b Line) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Frame.File, b.Frame.File), a.Frame.Line-b.Frame.Line)
	})
	return list
}

// RuntimePackage is what belongs to no file: V8's own.
const RuntimePackage = "runtime"

// Package gives what a function belongs to: a package, a file of the application, or the runtime.
func Package(f Frame) string {
	file := f.File
	if at := strings.LastIndex(file, "node_modules/"); at >= 0 {
		parts := strings.SplitN(file[at+len("node_modules/"):], "/", 3)
		if strings.HasPrefix(parts[0], "@") && len(parts) > 1 {
			return parts[0] + "/" + parts[1]
		}
		return parts[0]
	}
	switch {
	case strings.HasPrefix(file, "node:"), strings.HasPrefix(file, "internal/"):
		return "Node.js"
	case rubyPackage(file) != "":
		return rubyPackage(file)
	case file == "" && f.Name == "(garbage collector)":
		return "garbage collection"
	case file == "":
		return RuntimePackage
	}
	return "application: " + path.Base(path.Dir(file)) + "/" + path.Base(file)
}
