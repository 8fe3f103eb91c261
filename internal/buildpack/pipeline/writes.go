package pipeline

import (
	"sync"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
)

// write is something that goes on in the background.
type write struct {
	done chan struct{}
	err  error
}

// wait waits for its end. Of nil, there is nothing to wait for.
func (w *write) wait() error {
	if w == nil {
		return nil
	}
	<-w.done
	return w.err
}

// writes are all that have been started.
type writes struct {
	mu   sync.Mutex
	list []*write
}

// start runs a task in the background, which is called what in the log's timeline.
func (all *writes) start(log *buildlog.Log, what string, task func() error) *write {
	w := &write{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		start := time.Now()
		w.err = task()
		log.Note(buildlog.Span{Subject: "Cache", Name: what, Start: start, End: time.Now(), Background: true})
	}()
	all.mu.Lock()
	defer all.mu.Unlock()
	all.list = append(all.list, w)
	return w
}

// wait waits for all of them, and gives the first error.
func (all *writes) wait() (err error) {
	all.mu.Lock()
	list := all.list
	all.mu.Unlock()
	for _, w := range list {
		if failed := w.wait(); err == nil {
			err = failed
		}
	}
	return err
}
