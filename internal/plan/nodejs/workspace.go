package nodejs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// member is a workspace: a package that the repository holds itself.
type member struct {
	packagejson.Manifest
	// dir is its folder, relative to the workspaces' root.
	dir string
}

// patterns gives the workspaces' patterns of the package.json in a folder, or of pnpm's own file next to it.
func patterns(a app.App, root string, m packagejson.Manifest) (list []string, where problem.Position, err error) {
	file := path.Join(root, pkgmanager.PNPMWorkspace)
	text, found, err := a.Read(file)
	if err != nil || !found {
		return m.Workspaces, m.Where("workspaces"), err
	}
	var workspace struct{ Packages []string }
	if err := yaml.Unmarshal(text, &workspace); err != nil {
		return nil, where, &problem.Problem{
			ID:    "node/pnpm-workspace-invalid",
			Title: file + " is not understood",
			Where: problem.Position{File: file},
			Why:   strings.TrimPrefix(err.Error(), "yaml: "),
			Hints: []string{"Write it as https://pnpm.io/pnpm-workspace_yaml says."},
			Err:   err,
		}
	}
	return append(workspace.Packages, m.Workspaces...), problem.Position{File: file}, nil
}

// members gives the workspaces below a folder, in the order of their folders.
func members(a app.App, root string, m packagejson.Manifest) ([]member, error) {
	globs, where, err := patterns(a, root, m)
	if err != nil {
		return nil, err
	}
	if len(globs) > maxPatterns {
		return nil, badPatterns(fmt.Sprintf("there are %d workspace patterns", len(globs)), where, fmt.Errorf("more than %d are not read", maxPatterns))
	}
	var dirs []string
	find := finder(a, root)
	for _, pattern := range globs {
		pattern, negated := strings.CutPrefix(pattern, "!")
		matches, err := find(path.Join(root, strings.TrimPrefix(pattern, "./"), packagejson.Name))
		if err != nil {
			return nil, badPatterns(fmt.Sprintf("the workspace pattern %q is not understood", shortened(pattern)), where, err)
		}
		for _, match := range matches {
			dir := path.Dir(match)
			if strings.Contains(match, packagesDir+"/") || dir == root || (root == "" && dir == ".") {
				continue
			}
			i := slices.Index(dirs, dir)
			switch {
			case negated && i >= 0:
				dirs = slices.Delete(dirs, i, i+1)
			case !negated && i < 0:
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	var list []member
	for _, dir := range dirs {
		m, _, err := packagejson.Read(a, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, member{m, strings.TrimPrefix(strings.TrimPrefix(dir, root), "/")})
	}
	return list, nil
}

// locate finds the application in the source tree: the folder that is chosen, and the root of the workspaces that it is
// one of, if it is.
func (p *Project) locate() error {
	chosen, more, _ := strings.Cut(p.settings.App.Value, ",")
	if chosen = path.Clean("/" + strings.TrimSpace(chosen))[1:]; more != "" {
		for dir := range strings.SplitSeq(more, ",") {
			p.more = append(p.more, path.Clean("/" + strings.TrimSpace(dir))[1:])
		}
	}
	for root := path.Dir(chosen); chosen != ""; root = path.Dir(root) {
		if root == "." {
			root = ""
		}
		top, found, err := packagejson.Read(p.app, root)
		if err != nil {
			return err
		}
		if found {
			list, err := members(p.app, root, top)
			if err != nil {
				return err
			}
			for _, m := range list {
				if path.Join(root, m.dir) == chosen {
					p.root, p.dir, p.top, p.manifest, p.members = root, chosen, top, m.Manifest, list
					return p.checkMore()
				}
			}
		}
		if root == "" {
			break
		}
	}
	m, found, err := packagejson.Read(p.app, chosen)
	if err != nil {
		return err
	}
	p.root, p.dir, p.top, p.manifest = chosen, chosen, m, m
	p.found = found
	if !found && chosen != "" && p.app.FirstOf(app.InDir(chosen, detectFiles)) == "" {
		return p.noApp(chosen)
	}
	p.members, err = members(p.app, chosen, m)
	if err == nil && len(p.more) > 0 {
		return p.checkMore()
	}
	return err
}

// checkMore wants every further application to be a workspace next to the first.
func (p *Project) checkMore() error {
	for _, dir := range p.more {
		if _, ok := p.member(dir); !ok || !p.selected() {
			return &problem.Problem{
				ID:    "node/apps-not-together",
				Title: "the applications " + p.settings.App.Value + " cannot be built into one image",
				Where: nodeversion.Request{Origin: p.settings.App.Origin, Where: p.settings.App.Where}.Place(),
				Why:   "they are not workspaces of one repository, with one lockfile",
				Hints: []string{"Build an image for each: name one folder."},
			}
		}
	}
	return nil
}

// member gives the workspace in a folder of the source tree.
func (p *Project) member(dir string) (member, bool) {
	for _, m := range p.members {
		if path.Join(p.root, m.dir) == dir {
			return m, true
		}
	}
	return member{}, false
}

func (p *Project) noApp(chosen string) error {
	s := p.settings.App
	return &problem.Problem{
		ID:    "node/app-missing",
		Title: "there is no Node.js application in " + chosen,
		Where: nodeversion.Request{Origin: s.Origin, Where: s.Where}.Place(),
		Why:   "there is neither a package.json nor one of " + strings.Join(detectFiles, ", ") + " in that folder",
		Hints: []string{"Name the folder of the application, relative to the source, for example apps/web."},
	}
}

// selected reports whether the application is one of several workspaces.
func (p *Project) selected() bool { return p.dir != p.root }

// chooseMember takes the one workspace that can be started, where the root itself cannot be.
func (p *Project) chooseMember() error {
	if p.selected() || len(p.members) == 0 {
		return nil
	}
	if dirs := p.startedTogether(); len(dirs) > 1 {
		return p.severalAtOnce(dirs)
	} else if len(dirs) == 1 {
		p.choose(dirs[0], "the one workspace that the root's start script starts")
		return nil
	}
	if p.startable() {
		return nil
	}
	var candidates, reasons, files []string
	for _, m := range p.members {
		other := *p
		other.dir, other.manifest = path.Join(p.root, m.dir), m.Manifest
		other.declared = nil
		why, ok := other.startsItself()
		switch {
		case ok && strings.HasPrefix(why, "file "):
			// A library may have such a file, too.
			files = append(files, other.dir)
		case ok:
			candidates, reasons = append(candidates, other.dir), append(reasons, other.dir+" ("+why+")")
		}
	}
	if len(candidates) == 0 {
		candidates, reasons = files, files
	}
	switch len(candidates) {
	case 0:
		return nil
	case 1:
		p.choose(candidates[0], "the one workspace that can be started")
		return nil
	}
	return &problem.Problem{
		ID:    "node/several-apps",
		Title: "this repository holds several applications, and nothing says which one to build",
		Where: p.top.Where("workspaces"),
		Why:   "these workspaces can be started: " + strings.Join(reasons, ", "),
		Hints: []string{
			"Choose one for this image: BP_NODE_PROJECT_PATH=" + candidates[0] + ", or app = \"" + candidates[0] + "\" in [dev.gantry] of project.toml.",
			"For an image that starts several, write a Procfile at the root.",
		},
	}
}

// choose takes a workspace for the application, and says why.
func (p *Project) choose(dir, why string) {
	m, _ := p.member(dir)
	p.dir, p.manifest, p.chosen = dir, m.Manifest, why
}

// needs gives the workspaces that some of them need, each after those that it needs itself. With
// building, those count, too, that only a build needs.
func (p *Project) needs(dirs []string, building bool) []member {
	byName := map[string]member{}
	for _, m := range p.members {
		byName[m.Name] = m
	}
	var order []member
	seen := map[string]bool{}
	var visit func(m member)
	visit = func(m member) {
		if seen[m.dir] {
			return
		}
		seen[m.dir] = true
		kinds := []map[string]string{m.Dependencies, m.OptionalDependencies, m.PeerDependencies}
		if building {
			kinds = append(kinds, m.DevDependencies)
		}
		for _, other := range p.members {
			for _, kind := range kinds {
				if _, needed := kind[other.Name]; needed && other.Name != "" {
					visit(byName[other.Name])
				}
			}
		}
		order = append(order, m)
	}
	for _, dir := range dirs {
		if m, ok := p.member(dir); ok {
			visit(m)
		}
	}
	return order
}

// others are the workspaces that the image does not need, relative to the source tree.
func (p *Project) others() []string {
	if !p.selected() {
		return nil
	}
	needed := p.needs(p.roots(), false)
	var list []string
	for _, m := range p.members {
		holds := func(n member) bool { return n.dir == m.dir || strings.HasPrefix(n.dir, m.dir+"/") }
		if !slices.ContainsFunc(needed, holds) {
			list = append(list, path.Join(p.root, m.dir))
		}
	}
	return list
}
