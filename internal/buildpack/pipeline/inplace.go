package pipeline

import "context"

// withoutLayer builds an application that does not take its packages along in a layer: it needs none when it runs, or they
// stay in its own folder.
func (w *work) withoutLayer(ctx context.Context, in installation) error {
	if in.output != nil && in.output.usable && in.NotAtLaunch && w.restoreOutput(in.output) {
		w.keepCaches()
		return nil
	}
	by, err := w.prepareInstaller(ctx, in)
	if err != nil {
		return err
	}
	build := func(by installer) error {
		steps, err := by.forBuild(ctx, in, nil)
		if err != nil {
			return err
		}
		return in.output.record(ctx, w, func(ctx context.Context) error { return w.steps(ctx, steps) })
	}
	err = build(by)
	if why := unsupportedBy(err); why != "" {
		if err := in.trees.remove(); err != nil {
			return err
		}
		err = build(w.leaveToManager(in, why))
	}
	if err != nil {
		return err
	}
	if in.NotAtLaunch {
		return in.trees.remove()
	}
	return w.prune(ctx, in)
}
