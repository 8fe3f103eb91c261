package nodejs

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// chooseRelease decides which release of Node.js the application gets.
func (p *Project) chooseRelease(releases inventory.Catalog) (plan.Release, plan.Decision, error) {
	r, asked, err := p.requested()
	if err != nil {
		return plan.Release{}, plan.Decision{}, err
	}
	releases.Releases = slices.DeleteFunc(slices.Clone(releases.Releases), func(r plan.Release) bool { return r.Name == "node" && !p.comesFrom(r) })
	return nodeversion.Choose(r, asked, releases, nodeversion.Unlisted(p.settings.NodeUnlisted.Value))
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

// requested gives the version that the application asks for; ok is false when it asks for none. What the application
// itself says counts before what the root of its workspaces says.
func (p *Project) requested() (r nodeversion.Request, ok bool, err error) {
	if s := p.settings.NodeVersion; s.IsSet() && s.Value != "" {
		return nodeversion.Request{Text: s.Value, Origin: s.Origin, Where: s.Where}, true, nil
	}
	manifests, dirs := []packagejson.Manifest{p.manifest}, []string{p.dir}
	if p.selected() {
		manifests, dirs = append(manifests, p.top), append(dirs, p.root)
	}
	if p.root != "" {
		dirs = append(dirs, "")
	}
	if r, ok, err = nodeversion.Find(p.app, manifests, dirs); ok || err != nil || p.settings.NodeVersion.Value == "" {
		return r, ok, err
	}
	return nodeversion.Request{Text: p.settings.NodeVersion.Value, Origin: p.settings.NodeVersion.Origin}, true, nil
}
