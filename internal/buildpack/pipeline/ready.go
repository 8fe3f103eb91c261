package pipeline

import (
	"os"
	"path/filepath"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// treesName is the name under which the packages of an installation wait.
func treesName(d decided) string { return "packages-" + d.Language }

// treesPlaces are the folders of the packages, by their names among what waits.
func (p pipeline) treesPlaces(d decided) map[string]string {
	places := map[string]string{}
	for _, name := range d.Trees.Dirs {
		places[name] = filepath.Join(p.App, name)
	}
	return places
}

// takeTrees puts the packages for building into the application, where they wait unpacked.
func (p pipeline) takeTrees(c choice) (b built, ok bool, err error) {
	key, b, known := c.by.ready(c.decided)
	if !known {
		return b, false, nil
	}
	waiting, taken := p.ready.Take(treesName(c.decided), key, p.treesPlaces(c.decided))
	if !taken {
		// Some of it may be there.
		return b, false, c.trees.Remove()
	}
	p.Log.Line("Packages", "unpacked since the last build (inputs unchanged)")
	if b.before, err = c.trees.Snapshot(); err != nil {
		return b, false, err
	}
	b.now, b.before = b.before, b.before.Without(waiting.Scripts)
	b.waiting, b.restored = waiting, true
	return b, true, b.evaluated.Write(p.App)
}

// noteTrees notes the state of packages that were installed, so that they may wait for the next build.
func (p pipeline) noteTrees(b built) (built, error) {
	key, _, _ := b.by.ready(b.decided)
	if p.Ready == "" || key == "" {
		return b, nil
	}
	scripts, err := b.trees.Changes(b.before)
	b.waiting = layers.Waiting{Key: key, Stamp: p.ready.Stamp(p.treesPlaces(b.decided)), Scripts: scripts}
	return b, err
}

// putAway takes the packages for building out of the application: to wait for the next build if nothing has changed in them.
func (p pipeline) putAway(b built) error {
	if p.ready.Give(treesName(b.decided), b.waiting, p.treesPlaces(b.decided)) {
		return nil
	}
	return b.trees.Remove()
}

// The name under which a toolchain waits, and that of its folder.
func toolchainName(t plan.Toolchain) string { return "toolchain-" + t.Language }

func toolchainPlaces(dir string) map[string]string { return map[string]string{"files": dir} }

// putToolchainsAway lets toolchains that are open wait for the next build, unless another buildpack needs them. Their archives are
// written by then.
func (p pipeline) putToolchainsAway() error {
	if p.Ready == "" || p.requiredForBuild() {
		return nil
	}
	for _, t := range p.Toolchains {
		opened := p.toolchains.waiting(t.Language)
		if opened.dir == "" || !p.ready.Give(toolchainName(t), opened.waiting, toolchainPlaces(opened.dir)) {
			continue
		}
		if err := os.Mkdir(opened.dir, 0o755); err != nil {
			return problem.Disk("leave the folder of the toolchain", err)
		}
	}
	return nil
}
