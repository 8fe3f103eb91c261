package problem

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interruptible gives a context that ends when the program is asked to: by Ctrl-C, SIGTERM, or a terminal that is closed. A second signal
// ends the program at once.
func Interruptible() (ctx context.Context, stop context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// Who calls nohup wants it to go on.
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop = signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
