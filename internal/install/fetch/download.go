package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// step is what a server has to send in the time that it is given, in bytes. One byte a second is not progress.
const step = 16 << 10

// large is from how many received bytes on a download that breaks off is continued rather than begun again.
const large = 1 << 20

// mostParts bounds how often a download is continued.
const mostParts = 8

// download is the body of an answer while it is read. Where it breaks off or stalls, it asks the server for the rest
// (RFC 9110, 14.2), if that says that the file is still the same one.
type download struct {
	client        *Client
	ctx           context.Context
	target        *url.URL
	authorization string
	answer        answer
	// n is what has arrived, told what had at the last step, and parts how many answers it took.
	n, told int64
	parts   int
	// err is the network's error, stalled whether the server was too slow.
	err     error
	stalled bool
	watch   *watch
}

// watch ends a request that makes no progress, and tells once that it waits.
type watch struct {
	cancel     context.CancelFunc
	idle, slow *time.Timer
	fired      atomic.Bool
}

func (c *Client) watch(ctx context.Context, host string) (context.Context, *watch) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{cancel: cancel}
	w.idle = time.AfterFunc(c.Idle, func() {
		w.fired.Store(true)
		cancel()
	})
	w.slow = time.AfterFunc(c.Slow, func() {
		if _, told := c.slow.LoadOrStore(host, true); !told {
			c.Waiting(host, c.Slow)
		}
	})
	return ctx, w
}

func (w *watch) progress(c *Client) {
	w.idle.Reset(c.Idle)
	w.slow.Reset(c.Slow)
}

func (w *watch) stop() {
	w.idle.Stop()
	w.slow.Stop()
	w.cancel()
}

// start asks for the file.
func (c *Client) start(ctx context.Context, target *url.URL, authorization string) (*download, error) {
	d := &download{client: c, ctx: ctx, target: target, authorization: authorization, parts: 1}
	return d, d.open(nil)
}

// open sends a request, with a header for the rest of the file, or without one for the whole.
func (d *download) open(more http.Header) error {
	ctx, w := d.client.watch(d.ctx, d.target.Host)
	answer, err := d.client.open(ctx, d.target, d.authorization, more)
	if err != nil {
		w.stop()
		if d.ctx.Err() == nil && w.fired.Load() {
			return tooSlow(d.target, 0, -1, d.client.Idle)
		}
		return err
	}
	if d.watch != nil {
		d.close()
	}
	w.progress(d.client)
	d.answer, d.watch = answer, w
	return nil
}

func (d *download) close() {
	_ = d.answer.body.Close()
	d.watch.stop()
}

// Read reads on, from another answer where the last one has broken off.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.answer.body.Read(p)
		if d.n += int64(n); d.n-d.told >= step {
			d.told = d.n
			d.watch.progress(d.client)
		}
		cut := errors.Is(err, io.EOF) && d.answer.length >= 0 && d.n < d.answer.length
		if err == nil || errors.Is(err, io.EOF) && !cut {
			return n, err
		}
		if n > 0 {
			// What is wrong shows again at the next call.
			return n, nil
		}
		if !d.goesOn(err) {
			d.err, d.stalled = err, d.watch.fired.Load() && d.ctx.Err() == nil
			return 0, err
		}
	}
}

// goesOn asks for the rest of a large file, and reports whether it comes.
func (d *download) goesOn(cause error) bool {
	if d.n < large || d.answer.length < 0 || d.answer.version == "" || d.parts >= mostParts || d.ctx.Err() != nil {
		return false
	}
	d.parts++
	why := fmt.Sprintf("%s broke off", d.target.Host)
	if d.watch.fired.Load() {
		why = fmt.Sprintf("%s sends too slowly", d.target.Host)
	}
	d.client.Retrying(redact.URL(d.target), why+"; going on where it stopped", d.client.Pause)
	select {
	case <-d.ctx.Done():
		return false
	case <-time.After(d.client.Pause):
	}
	whole := d.answer
	err := d.open(http.Header{"Range": {fmt.Sprintf("bytes=%d-", d.n)}, "If-Range": {whole.version}})
	if err != nil {
		return false
	}
	ok := strings.HasPrefix(d.answer.part, fmt.Sprintf("bytes %d-%d/%d", d.n, whole.length-1, whole.length))
	d.answer.length, d.answer.page = whole.length, whole.page
	return ok
}
