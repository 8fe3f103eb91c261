package npm

import (
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Host is the machine that the tree is for, in npm's words.
type Host struct {
	// CPU is x64 or arm64, Libc is glibc or musl; the system is linux.
	CPU, Libc string
	// Node and NPM are versions.
	Node, NPM string
}

func (h Host) runs(e *entry) bool {
	if !lockfile.Allows(e.OS, "linux") || !lockfile.Allows(e.CPU, h.CPU) {
		return false
	}
	return len(e.Libc) == 0 || (h.Libc != "" && lockfile.Allows(e.Libc, h.Libc))
}

// hasEngines reports whether the host has the engines that a package asks for. What is no range asks for nothing that
// could be had.
func (h Host) hasEngines(e *entry) bool {
	for wanted, actual := range map[string]string{e.Engines.Node: h.Node, e.Engines.NPM: h.NPM} {
		if wanted == "" {
			continue
		}
		r, err := semver.ParseRange(wanted)
		if err != nil {
			return false
		}
		v, err := semver.Parse(actual)
		if err != nil || !r.Matches(v) {
			return false
		}
	}
	return true
}

// markInert finds the packages that are left out because they, or what they cannot do without, are optional and not for
// this host: Arborist's optional-set.
func markInert(root *node, nodes []*node, host Host) error {
	for _, n := range nodes {
		if n.isExtraneous || n.inert {
			continue
		}
		if host.runs(n.entry) && (!n.isOptional || host.hasEngines(n.entry)) {
			continue
		}
		if !n.isOptional {
			return unsupported("%s is not made for this platform", nameOf(n.key))
		}
		set := optionalSet(n)
		if set[root] {
			return unsupported("%s is not made for this platform", nameOf(n.key))
		}
		for left := range set {
			left.inert = true
		}
	}
	return nil
}

func optionalSet(n *node) map[*node]bool {
	needed := map[*node]bool{n: true}
	for queue := []*node{n}; len(queue) > 0; queue = queue[1:] {
		for _, e := range queue[0].in {
			if !e.kind.isOptional() && !needed[e.from] {
				needed[e.from] = true
				queue = append(queue, e.from)
			}
		}
	}
	all := map[*node]bool{}
	queue := []*node{}
	for m := range needed {
		all[m] = true
		queue = append(queue, m)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, e := range queue[0].out {
			if !all[e.to] {
				all[e.to] = true
				queue = append(queue, e.to)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for m := range all {
			if needed[m] {
				continue
			}
			for _, e := range m.in {
				if !all[e.from] && !e.from.inert {
					delete(all, m)
					changed = true
					break
				}
			}
		}
	}
	return all
}
