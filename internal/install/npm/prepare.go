package npm

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// prepared is a tree with all that is written into it next to packages.
type prepared struct {
	installed []*node
	bins      []binLink
	hidden    []byte
}

func (t *Tree) prepare(omitDev bool) (p prepared, err error) {
	p.installed = selected(t.nodes, omitDev)
	for _, n := range p.tarballs() {
		if n.Integrity == "" {
			// Complete finds it.
			continue
		}
		if fetch.Malformed(n.Integrity) {
			return p, t.malformed(n)
		}
		if _, err := storeName(n.Integrity); err != nil {
			return p, err
		}
	}
	if p.bins, err = binLinks(p.installed); err != nil {
		return p, err
	}
	p.hidden, err = hidden(t.lock, t.manifests, p.installed)
	return p, err
}

// tarballs gives the packages that have one of their own: the others are links, what links lead to, and what comes
// inside of another package.
func (p prepared) tarballs() []*node {
	return slices.DeleteFunc(slices.Clone(p.installed), func(n *node) bool { return !inModules(n.key) || n.Link || n.InBundle })
}

// spread makes the folders of the outermost packages, far from each other.
func (p prepared) spread(dir string) error {
	for _, n := range p.tarballs() {
		if n.depth() > 1 {
			continue
		}
		if err := archive.MkdirApart(filepath.Join(dir, n.key)); err != nil {
			return problem.Disk("make "+n.key, err)
		}
	}
	return nil
}

// finish adds what npm adds: links, commands, and the hidden lockfile.
func (p prepared) finish(target Target) error {
	if len(p.installed) == 0 {
		return nil
	}
	for _, n := range p.installed {
		if err := n.link(target); err != nil {
			return err
		}
	}
	if err := p.checkBundles(target.Dir); err != nil {
		return err
	}
	for _, n := range p.installed {
		if _, err := os.Stat(filepath.Join(target.Dir, n.key, "binding.gyp")); err == nil && !n.HasInstallScript {
			return unsupported("%s has a binding.gyp that the lockfile does not know of", n.title())
		}
	}
	if err := link(target.Dir, p.bins); err != nil {
		return err
	}
	file := filepath.Join(target.Dir, hiddenFile)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, p.hidden, 0o644)
	}
	if err != nil {
		return problem.Disk("write "+hiddenFile, err)
	}
	return nil
}

// link makes a link to a workspace or "file:" folder, when the node is one.
func (n *node) link(target Target) error {
	if !n.Link {
		return nil
	}
	place := filepath.Join(target.Dir, n.key)
	leads, err := filepath.Rel(path.Dir(n.key), n.Resolved)
	if target.App != "" {
		leads = filepath.Join(target.App, n.Resolved)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(place), 0o755)
	}
	if err == nil {
		err = os.Symlink(leads, place)
	}
	if err != nil {
		return problem.Disk("link "+n.key, err)
	}
	return nil
}

// checkBundles makes sure that what packages bring inside of them is what the lockfile says.
func (p prepared) checkBundles(dir string) error {
	expected, bundling := map[string]string{}, map[string]bool{}
	for _, n := range p.installed {
		expected[n.key] = n.Version
		if n.InBundle {
			bundling[n.parent.key] = true
		}
		if len(n.bundles()) > 0 {
			bundling[n.key] = true
		}
	}
	for key := range bundling {
		for name, version := range packagesIn(filepath.Join(dir, key, modules)) {
			place := path.Join(key, modules, name)
			if known, ok := expected[place]; !ok || known != version {
				return unsupported("%s brings other packages than the lockfile says", nameOf(key))
			}
		}
	}
	for _, n := range p.installed {
		if _, err := os.Stat(filepath.Join(dir, n.key, "package.json")); n.InBundle && err != nil {
			return unsupported("%s does not bring %s, which the lockfile expects in it", n.parent.title(), n.title())
		}
	}
	return nil
}

// packagesIn gives the packages in a node_modules folder, with their versions.
func packagesIn(dir string) map[string]string {
	found := map[string]string{}
	add := func(name string) {
		text, err := os.ReadFile(filepath.Join(dir, name, "package.json"))
		m := struct{ Version string }{}
		if err == nil && json.Unmarshal(text, &m) == nil {
			found[name] = m.Version
		}
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "@") {
			add(e.Name())
			continue
		}
		scoped, _ := os.ReadDir(filepath.Join(dir, e.Name()))
		for _, inner := range scoped {
			add(e.Name() + "/" + inner.Name())
		}
	}
	return found
}
