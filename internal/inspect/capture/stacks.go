package capture

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// frame is a call on a stack: a function, empty for an anonymous one, a file, and a line and a column that count from 1.
type frame struct {
	Function, File string
	Line, Column   int
}

// stackLook gives the stack of what runs, innermost call first, and what the event loop waits for. V8 runs it between two
// instructions of the code that is running, so that its own stack stands on that of the application; a regular expression
// that backtracks is interrupted, too. Nothing is paused, and nothing is compiled again.
const stackLook = `(() => {
	const { prepareStackTrace, stackTraceLimit } = Error
	let frames = []
	try {
		Error.stackTraceLimit = 200
		Error.prepareStackTrace = (error, sites) => sites
		const holder = {}
		Error.captureStackTrace(holder)
		frames = holder.stack.map(site => ({
			function: site.getFunctionName() ?? site.getMethodName() ?? '', file: String(site.getFileName() || site.getScriptNameOrSourceURL() || ''),
			line: site.getLineNumber() ?? 0, column: site.getColumnNumber() ?? 0,
		}))
	} catch {} finally {
		Error.stackTraceLimit = stackTraceLimit
		Error.prepareStackTrace = prepareStackTrace
	}
	const waiting = {}
	for (const name of process.getActiveResourcesInfo()) waiting[name] = (waiting[name] ?? 0) + 1
	const { idle, active } = performance.eventLoopUtilization()
	return { frames, waiting, idle, active }
})()
//# sourceURL=` + lookScript

// lookScript and ownScript are the names that V8 knows the code by that gantry has the application run: the look at the
// stack, and all else.
const lookScript, ownScript = "gantry-look", "gantry"

// stackLooks is how often an event loop is looked at until something runs, stackPause how long it is left alone in between.
const stackLooks, stackPause = 20, 10 * time.Millisecond

// stacks writes what each thread is doing right now, and what it waits for.
func stacks(ctx context.Context, i *inspector, out io.Writer) error {
	sources := newSources(i.process)
	if i.session != "" {
		// One thread was chosen.
		_, err := io.WriteString(out, i.stack(ctx, sources))
		return err
	}
	list, err := i.threads(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		i.session = t.session
		text := i.stack(ctx, sources)
		if len(list) > 1 {
			text = fmt.Sprintf("Thread %d, %s:\n%s\n", t.ID, problem.Visible(t.Title), text)
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	return nil
}

// stack describes one thread. One that does not answer is named as such: the others are worth showing.
func (i *inspector) stack(ctx context.Context, sources *sources) string {
	var seen struct {
		Frames       []frame
		Waiting      map[string]int
		Idle, Active float64
	}
	var running []frame
	var idle, active float64
	for look := 0; look < stackLooks && len(running) == 0 && ctx.Err() == nil; look++ {
		if look > 0 {
			time.Sleep(stackPause)
		}
		seen.Frames, seen.Waiting = nil, nil
		if err := i.evaluate(ctx, answering, stackLook, &seen); err != nil {
			return fmt.Sprintf("It does not answer: %s.\n", problem.Visible(err.Error()))
		}
		if look == 0 {
			idle, active = seen.Idle, seen.Active
		}
		running = applicationFrames(seen.Frames)
	}
	busyShare := (seen.Active - active) / max(1, seen.Active-active+seen.Idle-idle)
	var text strings.Builder
	switch {
	case len(running) == 0 && busyShare >= busy:
		text.WriteString("The event loop is busy between functions: promises that resolve one after the other, or callbacks of native code. `gantry profile cpu` shows which.\n")
	case len(running) == 0:
		text.WriteString("The event loop is idle.\n")
	}
	for _, f := range running {
		name := f.Function
		if name == "" {
			name = "(anonymous)"
		}
		place := "native code"
		if f.File != "" {
			at := sources.original(sourcemap.Position{File: trimFile(f.File), Line: f.Line - 1, Column: max(0, f.Column-1)})
			place = fmt.Sprintf("%s:%d:%d", at.File, at.Line+1, at.Column+1)
			name = sources.functionName(trimFile(f.File), f.Line-1, max(0, f.Column-1), name)
		}
		fmt.Fprintf(&text, "  at %s (%s)\n", problem.Visible(name), problem.Visible(place))
	}
	text.WriteString("It waits for:\n")
	for _, name := range slices.Sorted(maps.Keys(seen.Waiting)) {
		fmt.Fprintf(&text, "  %4d  %s\n", seen.Waiting[name], problem.Visible(name))
	}
	if len(seen.Waiting) == 0 {
		text.WriteString("        nothing: it ends when this is done\n")
	}
	return text.String()
}

// applicationFrames leaves out the frames of the look itself, and all of a stack of Gantry's own scripts: a timer or a
// microtask of theirs is not what the application does.
func applicationFrames(frames []frame) []frame {
	var list []frame
	for _, f := range frames {
		switch {
		case f.File == lookScript:
		case f.File == ownScript, strings.HasSuffix(f.File, "/watch.cjs"):
			return nil
		default:
			list = append(list, f)
		}
	}
	// Node.js' own frames alone are the event loop between two turns, or at its lists of timers and callbacks.
	if !slices.ContainsFunc(list, func(f frame) bool {
		return !strings.HasPrefix(f.File, "node:internal/timers") && !strings.HasPrefix(f.File, "node:internal/process/")
	}) {
		return nil
	}
	if !slices.ContainsFunc(list, func(f frame) bool { return f.File != "" && !strings.HasPrefix(f.File, "node:") }) && len(list) < 2 {
		return nil
	}
	return list
}
