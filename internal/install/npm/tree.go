package npm

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// node is a folder of the tree: the application itself, a package, a link, or what a link leads to.
type node struct {
	*entry
	key      string
	children map[string]*node
	// parent has the node in its node_modules; above is where a node without one looks for packages further.
	parent, above *node
	// target is where a link leads.
	target  *node
	out, in []*edge
	// isWorkspace: the node is the folder of a workspace.
	isWorkspace bool

	flags
	// inert packages are not installed: they are optional, and not for this host.
	inert bool
}

// kind is how one package wants another.
type kind int

const (
	prod kind = iota
	dev
	optional
	peer
	peerOptional
	workspace
)

func (k kind) isOptional() bool { return k == optional || k == peerOptional }
func (k kind) isPeer() bool     { return k == peer || k == peerOptional }

type edge struct {
	from, to *node
	name     string
	spec     string
	kind     kind
}

// builder makes a tree.
type builder struct {
	lock      *lock
	root      *node
	nodes     []*node
	byKey     map[string]*node
	overrides overrides
	// legacyPeers: peer dependencies are not looked at.
	legacyPeers bool
}

// buildTree makes the tree of a lockfile for an application, checks that the two fit, and decides what is not installed.
// manifests are those of the application (under "") and of its workspaces and "file:" folders.
func buildTree(l *lock, manifests map[string]manifest, workspaces []string, legacyPeers bool, host Host) (*node, []*node, error) {
	overridden, err := parseOverrides(manifests[""])
	if err != nil {
		return nil, nil, err
	}
	root := &node{entry: &entry{description: manifests[""].description}, children: map[string]*node{}}
	b := &builder{lock: l, root: root, byKey: map[string]*node{"": root}, overrides: overridden, legacyPeers: legacyPeers}
	if err := b.place(manifests); err != nil {
		return nil, nil, err
	}
	if err := b.connectAll(manifests, workspaces); err != nil {
		return nil, nil, err
	}
	if err := b.setFlags(host.NPM); err != nil {
		return nil, nil, err
	}
	if err := markInert(root, b.nodes, host); err != nil {
		return nil, nil, err
	}
	return root, b.nodes, nil
}

// place gives every entry its place in the tree.
func (b *builder) place(manifests map[string]manifest) error {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(b.lock.packages)), func(key string) bool { return key == "" })
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, modules+"/"), strings.Count(b, modules+"/")), strings.Compare(a, b))
	})
	for _, key := range keys {
		n := &node{entry: b.lock.packages[key], key: key, children: map[string]*node{}, flags: unknown}
		b.byKey[key] = n
		b.nodes = append(b.nodes, n)
	}
	for _, n := range b.nodes {
		if !inModules(n.key) {
			m, there := manifests[n.key]
			if !there {
				// The folder of a workspace or dependency that is gone; nothing may want it any more.
				continue
			}
			local := *n.entry
			local.description = m.description
			n.entry = &local
			for at := path.Dir(n.key); n.above == nil; at = path.Dir(at) {
				if at == "." {
					at = ""
				}
				n.above = b.byKey[at]
			}
			continue
		}
		n.parent = b.byKey[strings.TrimSuffix(n.key[:strings.LastIndex(n.key, modules+"/")], "/")]
		if n.parent == nil || n.parent.Link {
			return unsupported("%s lies in a package that the lockfile does not have", n.key)
		}
		n.parent.children[nameOf(n.key)] = n
	}
	for _, n := range b.nodes {
		if n.Link {
			if n.target = b.byKey[n.Resolved]; n.target == nil || n.target == b.root || n.target.Link {
				return unsupported("the lockfile does not have %s, to which %s leads", n.Resolved, n.key)
			}
		}
	}
	return nil
}

func (b *builder) connectAll(manifests map[string]manifest, workspaces []string) error {
	for _, n := range append([]*node{b.root}, b.nodes...) {
		_, local := manifests[n.key]
		if !inModules(n.key) && !local || n.Link {
			continue
		}
		if err := b.connect(n, b.wanted(n, workspaces)); err != nil {
			return err
		}
	}
	return nil
}

// wanted gives a package's dependencies; a name that stands in several groups belongs to the last of them.
func (b *builder) wanted(n *node, workspaces []string) map[string]*edge {
	wanted := map[string]*edge{}
	add := func(name, spec string, k kind) { wanted[name] = &edge{from: n, name: name, spec: spec, kind: k} }
	for name, spec := range n.PeerDependencies {
		switch {
		case b.legacyPeers:
		case n.PeerDependenciesMeta[name].Optional:
			add(name, spec, peerOptional)
		default:
			add(name, spec, peer)
		}
	}
	for name, spec := range n.Dependencies {
		add(name, spec, prod)
	}
	for name, spec := range n.OptionalDependencies {
		add(name, spec, optional)
	}
	if n.parent == nil {
		for name, spec := range n.DevDependencies {
			add(name, spec, dev)
		}
	}
	if n == b.root {
		for _, folder := range workspaces {
			if target := b.byKey[folder]; target != nil {
				target.isWorkspace = true
				add(target.packageName(), "file:"+folder, workspace)
			} else {
				add(folder, "file:"+folder, workspace)
			}
		}
	}
	return wanted
}

// connect finds the package that each dependency means, as require would, and checks that it is one that fits.
func (b *builder) connect(n *node, wanted map[string]*edge) error {
	bundled := n.bundles()
	for _, e := range slices.SortedFunc(maps.Values(wanted), inOrder) {
		name := e.name
		e.to = n.resolve(name)
		switch {
		case e.to == nil && (e.kind == peerOptional || bundled[name]):
			continue
		case e.to == nil:
			return unsupported("the lockfile lacks %s, which %s wants", name, n.title())
		case e.kind.isPeer() && e.to.parent == n && n.parent != nil:
			return unsupported("%s has a peer of its own", n.key)
		}
		if e.kind != peerOptional && !bundled[name] {
			fits, err := b.fits(e)
			if err != nil {
				return err
			}
			if !fits {
				return unsupported("the lockfile has %s %s, and %s wants %s", name, e.to.version(), n.title(), e.spec)
			}
		}
		n.out = append(n.out, e)
		e.to.in = append(e.to.in, e)
	}
	return nil
}

// inOrder is the order in which Arborist makes edges: by group, and the groups are sorted in a lockfile.
func inOrder(a, b *edge) int {
	group := map[kind]int{peer: 0, peerOptional: 1, prod: 2, optional: 3, dev: 4, workspace: 5}
	return cmp.Or(cmp.Compare(group[a.kind], group[b.kind]), collate(a.name, b.name))
}

func (n *node) title() string {
	if n.key == "" {
		return "package.json"
	}
	return nameOf(n.key)
}

// version is that of the package, wherever it is.
func (n *node) version() string {
	if n.target != nil {
		return n.target.Version
	}
	return n.Version
}

// packageName is the name in the package's own package.json.
func (n *node) packageName() string {
	if n.Name != "" {
		return n.Name
	}
	return nameOf(n.key)
}

func (n *node) resolve(name string) *node {
	for at := n; at != nil; {
		if found := at.children[name]; found != nil {
			return found
		}
		if at.parent != nil {
			at = at.parent
		} else {
			at = at.above
		}
	}
	return nil
}

// omissible reports whether a node can be left out: what a "file:" dependency has in its own folder cannot.
func (n *node) omissible() bool {
	top := n
	for top.parent != nil {
		top = top.parent
	}
	return top.key == "" || top.isWorkspace
}

// selected gives the nodes to install, parents first; omitDev leaves out what only development needs.
func selected(nodes []*node, omitDev bool) []*node {
	var list []*node
	left := map[*node]bool{}
	for _, n := range nodes {
		gone := n.parent == nil && n.above == nil
		if gone || n.isExtraneous || n.inert || (omitDev && n.isDev && n.omissible()) || left[n.parent] {
			left[n] = true
			continue
		}
		list = append(list, n)
	}
	return list
}
