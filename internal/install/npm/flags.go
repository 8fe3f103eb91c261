package npm

import (
	"maps"

	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// flags are npm's, of the same names: who wants a package. A flag that is set says "only by".
type flags struct{ isDev, isOptional, isDevOptional, isPeer, isExtraneous bool }

// unknown is what a package starts with: nobody is known to want it.
var unknown = flags{isDev: true, isOptional: true, isDevOptional: true, isPeer: true, isExtraneous: true}

// setFlags finds out who wants each package. npm 11 works it out again; npm 10 believes the lockfile, as long as that was
// written for the dependencies that package.json has now.
func (b *builder) setFlags(npm string) error {
	v, err := semver.Parse(npm)
	if err != nil || v.Major >= 11 {
		calculateFlags(b.root)
		return nil
	}
	if !sameWishes(b.root.description, b.lock.packages[""]) {
		return unsupported("package.json has other dependencies than the lockfile was written for")
	}
	for _, n := range b.nodes {
		if n.target == nil {
			n.flags = n.written()
		}
	}
	for _, n := range b.nodes {
		if n.target != nil {
			n.flags = n.target.flags
		}
	}
	return nil
}

// written are the flags that stand in the lockfile.
func (n *node) written() flags {
	set := func(key string) bool { return string(n.fields[key]) == "true" }
	return flags{
		isDev: set("dev"), isOptional: set("optional"), isPeer: set("peer"), isExtraneous: set("extraneous"),
		isDevOptional: set("devOptional") || set("dev") || set("optional"),
	}
}

func sameWishes(d description, locked *entry) bool {
	return locked != nil && maps.Equal(d.Dependencies, locked.Dependencies) && maps.Equal(d.DevDependencies, locked.DevDependencies) &&
		maps.Equal(d.OptionalDependencies, locked.OptionalDependencies) && maps.Equal(d.PeerDependencies, locked.PeerDependencies) &&
		maps.Equal(d.PeerDependenciesMeta, locked.PeerDependenciesMeta)
}

// calculateFlags clears each flag along the edges that make a package more than that: Arborist's calc-dep-flags.
func calculateFlags(root *node) {
	seen := map[*node]bool{}
	for queue := []*node{root}; len(queue) > 0; {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		seen[n] = true
		if n.target != nil {
			before := n.target.flags
			n.target.isDev = n.target.isDev && n.isDev
			n.target.isOptional = n.target.isOptional && n.isOptional
			n.target.isDevOptional = n.target.isDevOptional && n.isDevOptional
			n.target.isPeer = n.target.isPeer && n.isPeer
			n.target.isExtraneous = n.target.isExtraneous && n.isExtraneous
			if n.target.flags != before || !seen[n.target] {
				queue = append(queue, n.target)
			}
			continue
		}
		for _, e := range n.out {
			before := e.to.flags
			e.to.unset(n.flags, e.kind)
			if e.to.flags != before {
				queue = append(queue, e.to)
			}
		}
	}
	for n := range seen {
		if n != root && (n.isDev || n.isOptional) {
			n.isDevOptional = false
		}
	}
}

func (f *flags) unset(from flags, k kind) {
	if !from.isExtraneous && k != peerOptional {
		f.isExtraneous = false
	}
	if !from.isDev && k != dev {
		f.isDev = false
	}
	if !from.isOptional && !k.isOptional() {
		f.isOptional = false
	}
	if !from.isDevOptional && !from.isDev && !from.isOptional && k != dev && !k.isOptional() {
		f.isDevOptional = false
	}
	if !from.isPeer && !k.isPeer() {
		f.isPeer = false
	}
}
