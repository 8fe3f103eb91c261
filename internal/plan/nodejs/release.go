package nodejs

import (
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
)

// chooseRelease decides which release of Node.js the application gets; its decision comes first in the notes.
func (p *Project) chooseRelease(releases inventory.Catalog) (plan.Release, plan.Notes, error) {
	all, err := p.requested()
	if err != nil {
		return plan.Release{}, plan.Notes{}, err
	}
	releases.Releases = slices.DeleteFunc(slices.Clone(releases.Releases), func(r plan.Release) bool { return r.Name == "node" && !p.comesFrom(r) })
	var first nodeversion.Request
	if len(all) > 0 {
		first = all[0]
	}
	release, notes, err := nodeversion.Choose(first, len(all) > 0, releases, p.lookup(releases))
	if err != nil {
		return release, plan.Notes{}, err
	}
	if warning := nodeversion.Disagreement(all, release, releases); warning != "" {
		notes.Warnings = append(notes.Warnings, warning)
	}
	return release, notes, nil
}

// lookup says where releases are looked for that are not pinned.
func (p *Project) lookup(releases inventory.Catalog) nodeversion.Lookup {
	l := nodeversion.Lookup{Allowed: nodeversion.Unlisted(p.settings.NodeUnlisted.Value), Online: p.settings.NodeLookup.Value == nodeversion.Online}
	if releases.Published != nil {
		l.Published = func(name string) ([]string, error) { return releases.Published(p.registry, name) }
	}
	return l
}

// comesFrom reports whether the place that is set has a release: some are pinned by the npm registry's checksum alone.
func (p *Project) comesFrom(r plan.Release) bool {
	switch sources[p.settings.NodeSource.Value] {
	case plan.SourceOfficial:
		return r.SHA256 != ""
	case plan.SourceRegistry:
		return r.Integrity != ""
	}
	return true
}

// voltaManifests are the files that Volta's settings of the application build upon, with nothing but these.
func (p *Project) voltaManifests() (list []packagejson.Manifest) {
	dir := p.dir
	for next := p.manifest.Volta.Extends; next != "" && len(list) < deepest; {
		dir = path.Join(dir, path.Dir(next))
		// A file that is not there, or is broken, says nothing: Volta itself complains of it.
		m, found, err := packagejson.Read(p.app, dir)
		if !found || err != nil {
			break
		}
		list, next = append(list, packagejson.Manifest{File: m.File, Text: m.Text, Volta: m.Volta}), m.Volta.Extends
	}
	return list
}

// requested gives the versions that the application asks for, the one that counts first. A setting stands alone. With pnpm, the
// version that pnpm runs scripts with counts before others; what the application itself says before what the root of its workspaces
// says.
func (p *Project) requested() ([]nodeversion.Request, error) {
	setting := []nodeversion.Request{{Text: p.settings.NodeVersion.Value, Origin: p.settings.NodeVersion.Origin, Where: p.settings.NodeVersion.Where}}
	if s := p.settings.NodeVersion; s.IsSet() && s.Value != "" {
		return setting, nil
	}
	manifests, dirs := append([]packagejson.Manifest{p.manifest}, p.voltaManifests()...), []string{p.dir}
	if p.selected() {
		manifests, dirs = append(manifests, p.top), append(dirs, p.root)
	}
	if p.root != "" {
		dirs = append(dirs, "")
	}
	var list []nodeversion.Request
	if p.manager.Name == "pnpm" {
		own, err := pkgmanager.PNPMNodeVersion(p.app, manifests, p.root)
		if err != nil {
			return nil, err
		}
		list = own
	}
	others, err := nodeversion.All(p.app, manifests, dirs)
	if list = append(list, others...); len(list) > 0 || err != nil || p.settings.NodeVersion.Value == "" {
		return list, err
	}
	return setting, nil
}
