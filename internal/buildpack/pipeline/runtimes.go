package pipeline

import (
	"context"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// runtimes makes the layers of the runtimes and agents. It comes last, because what the build needed of a runtime may already
// be on disk.
func (p pipeline) runtimes(ctx context.Context, b outcome) ([]libcnb.Layer, error) {
	if p.requiredForBuild() && len(p.Toolchains) > 0 {
		if err := p.open(ctx, p.Toolchains[0], false); err != nil {
			return nil, err
		}
	}
	list := b.runtimes
	for _, t := range p.Toolchains {
		if t.AtLaunch() && layers.Find(list, t.Runtime.Release.Name).Name == "" {
			l, err := p.runtime(ctx, t)
			if err != nil {
				return nil, err
			}
			list = append(list, l)
		}
		if t.Agent == nil {
			continue
		}
		l, cause, err := p.store.Make(ctx, layers.Agent{Session: p.Session, Toolchain: t, Prepare: func(ctx context.Context) error { return p.open(ctx, t, true) }})
		if err != nil {
			return nil, err
		}
		p.logLayer(l.Name, cause)
		list = append(list, l)
	}
	return list, nil
}

// runtime makes the layer of one runtime.
func (p pipeline) runtime(ctx context.Context, t plan.Toolchain) (libcnb.Layer, error) {
	from, changed, err := p.toolchains.forLaunch(t)
	if err != nil {
		return libcnb.Layer{}, problem.Unreadable("look at the toolchain", err)
	}
	whole := false
	if from != "" && p.Ready != "" {
		open := p.toolchains.waiting(t.Language)
		whole = p.ready.Stamp(toolchainPlaces(from)) == open.waiting.Stamp
	}
	of := layers.Runtime{Session: p.Session, Toolchain: t, From: from, Unpacker: p.unpacker}
	l, cause, err := p.store.Make(ctx, of)
	if err != nil {
		return l, err
	}
	if from != "" && p.Ready != "" && cause != "" {
		p.toolchains.linked(t.Language, whole, func(dir string) string { return p.ready.Stamp(toolchainPlaces(dir)) })
	}
	if changed && cause != "" {
		p.Log.Line("Layer", l.Name+": taken anew, because the build's programs have changed the files of "+t.Runtime.Title+" that they use")
	}
	p.logLayer(l.Name, cause)
	return l, nil
}
