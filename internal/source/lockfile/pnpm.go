package lockfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// pnpmVersion is a version, or an object that holds one.
type pnpmVersion struct{ Version string }

func (v *pnpmVersion) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		v.Version = node.Value
		return nil
	}
	type plain pnpmVersion
	return node.Decode((*plain)(v))
}

type pnpmImporter struct {
	Dependencies         map[string]pnpmVersion `yaml:"dependencies"`
	DevDependencies      map[string]pnpmVersion `yaml:"devDependencies"`
	OptionalDependencies map[string]pnpmVersion `yaml:"optionalDependencies"`
}

type pnpmPackage struct {
	Resolution   struct{ Integrity, Tarball string }
	Name         string
	Version      string
	requires     `yaml:",inline"`
	pnpmImporter `yaml:",inline"`
}

// readPNPM reads versions 6 and 9: https://github.com/pnpm/spec/tree/master/lockfile.
func (g *Graph) readPNPM(text []byte) {
	var lock struct {
		Importers    map[string]pnpmImporter
		pnpmImporter `yaml:",inline"`
		Packages     map[string]pnpmPackage
		Snapshots    map[string]pnpmImporter
	}
	if yaml.Unmarshal(text, &lock) != nil {
		return
	}
	if lock.Importers == nil {
		lock.Importers = map[string]pnpmImporter{".": lock.pnpmImporter}
	}
	resolutions := map[string]pnpmPackage{}
	snapshots := lock.Snapshots
	if snapshots == nil {
		snapshots = map[string]pnpmImporter{}
	}
	for key, p := range lock.Packages {
		key = strings.TrimPrefix(key, "/")
		resolutions[key] = p
		if lock.Snapshots == nil {
			snapshots[key] = p.pnpmImporter
		}
	}
	resolve := func(name, version string) (string, bool) {
		version = strings.TrimPrefix(version, "/")
		for _, key := range []string{name + "@" + version, version} {
			if _, there := snapshots[key]; there {
				return key, true
			}
		}
		return "", false
	}
	for key, s := range snapshots {
		plain, _, _ := strings.Cut(key, "(")
		name, version := splitName(plain)
		p := Package{Name: name, Version: version}
		known, ok := resolutions[plain]
		if !ok {
			known = resolutions[key]
		}
		if !known.fits(g.on) {
			continue
		}
		p.Integrity, p.Tarball = known.Resolution.Integrity, known.Resolution.Tarball
		if known.Version != "" {
			p.Version = known.Version
		}
		if known.Name != "" {
			p.Name = known.Name
		}
		for _, list := range []map[string]pnpmVersion{s.Dependencies, s.OptionalDependencies} {
			for name, v := range list {
				if next, ok := resolve(name, v.Version); ok {
					p.Needs = append(p.Needs, next)
				}
			}
		}
		g.Packages[key] = p
	}
	g.find = func(from Wanted, name, _ string) (string, bool) {
		dir := from.Dir
		if dir == "" {
			dir = "."
		}
		importer := lock.Importers[dir]
		for _, list := range []map[string]pnpmVersion{importer.Dependencies, importer.OptionalDependencies, importer.DevDependencies} {
			if v, there := list[name]; there {
				return resolve(name, v.Version)
			}
		}
		return "", false
	}
}
