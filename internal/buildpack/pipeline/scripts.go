package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Layer: "modules-built" holds an archive of what install scripts wrote into the packages for building.
// Rebuilt when: the inputs of "modules" change, less what the build writes.

const (
	builtLayer   = "modules-built"
	builtArchive = "built.tar.zst"
)

// installScripts lets npm run the scripts of the packages that have any; what they wrote is kept, so that they need not
// run again.
func (d *direct) installScripts(ctx context.Context, in installation, omitDev bool) error {
	folders := d.tree.Scripts(omitDev)
	if len(folders) == 0 {
		return nil
	}
	kept, cause, err := d.w.reuse(builtLayer, libcnb.LayerTypes{Cache: true}, in.inputs.But(builtInput))
	if err != nil {
		return err
	}
	file := filepath.Join(kept.Path, builtArchive)
	if cause == "" && unpackKept(file, d.w.ctx.ApplicationPath) == nil {
		d.w.Report.Line("Packages", fmt.Sprintf("what the install scripts of %s made comes from the cache", count(len(folders), "package")))
		d.w.put(kept)
		return nil
	}
	if kept, err = d.w.fresh(builtLayer, libcnb.LayerTypes{Cache: true}, in.inputs.But(builtInput)); err != nil {
		return err
	}
	before, err := in.trees.snapshot()
	if err != nil {
		return err
	}
	if err := d.w.needToolchain(ctx); err != nil {
		return err
	}
	rebuild := plan.Command{
		Title: "npm rebuild, for the install scripts of " + count(len(folders), "package"),
		Args:  append([]string{"npm", "rebuild"}, folders...), Dir: in.Root, Failures: in.Install.Failures,
	}
	if err := d.w.command(ctx, "Packages", rebuild); err != nil {
		if d.tree.OptionalScripts() && ctx.Err() == nil {
			// npm ci takes an optional package out whose script fails, with all that only it needs.
			return npm.Unsupported{Why: "an install script failed, and optional packages have some"}
		}
		return err
	}
	names, _, err := in.trees.changes(before)
	if err != nil {
		return err
	}
	if err := archive.Zstd(file, d.w.ctx.ApplicationPath, names...); err != nil {
		return err
	}
	d.w.put(kept)
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
