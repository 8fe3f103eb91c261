package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// What a registry has to send, or to take, and in which time; and how long it may take for an answer to what was sent: it may
// have to store a large layer first.
const (
	step         = 16 << 10
	perStep      = 30 * time.Second
	untilAnswers = 2 * time.Minute
)

// Options are those of requests to a registry that the user names: the credentials of Docker's configuration, and an end to
// connections that stall.
func Options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(patient(remote.DefaultTransport, perStep, untilAnswers))}
}

// errStalls is the error of a connection that was given up.
type errStalls struct {
	host  string
	limit time.Duration
}

func (e errStalls) Error() string {
	return fmt.Sprintf("%s makes no progress: less than 16 KB in %s", e.host, e.limit)
}

func patient(base http.RoundTripper, perStep, untilAnswers time.Duration) http.RoundTripper {
	return limited{base, perStep, untilAnswers}
}

// limited ends requests that make no progress.
type limited struct {
	base                  http.RoundTripper
	perStep, untilAnswers time.Duration
}

// RoundTrip is that of http.RoundTripper.
func (l limited) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	p := &progress{limit: l.perStep}
	stalls := errStalls{request.URL.Host, l.perStep}
	p.timer = time.AfterFunc(l.untilAnswers, func() { cancel(stalls) })
	request = request.Clone(ctx)
	if request.Body != nil && request.Body != http.NoBody {
		p.timer.Reset(l.perStep)
		request.Body = &body{ReadCloser: request.Body, progress: p, atEnd: func() { p.timer.Reset(l.untilAnswers) }}
	}
	response, err := l.base.RoundTrip(request)
	if err != nil {
		p.timer.Stop()
		if stalls, is := errors.AsType[errStalls](context.Cause(ctx)); is {
			err = stalls
		}
		cancel(nil)
		return nil, err
	}
	p.timer.Reset(l.perStep)
	response.Body = &body{ReadCloser: response.Body, progress: p, cause: func() error { return context.Cause(ctx) }, atEnd: func() { p.timer.Stop() }, atClose: func() {
		p.timer.Stop()
		cancel(nil)
	}}
	return response, nil
}

// progress gives a connection time again with each step.
type progress struct {
	timer *time.Timer
	limit time.Duration
	n     atomic.Int64
}

// body counts what is read of the content of a request or an answer.
type body struct {
	io.ReadCloser
	progress       *progress
	cause          func() error
	atEnd, atClose func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if before := b.progress.n.Add(int64(n)) - int64(n); before/step != (before+int64(n))/step {
		b.progress.timer.Reset(b.progress.limit)
	}
	switch {
	case errors.Is(err, io.EOF):
		b.atEnd()
	case err != nil && b.cause != nil:
		if stalls, is := errors.AsType[errStalls](b.cause()); is {
			err = stalls
		}
	}
	return n, err
}

func (b *body) Close() error {
	if b.atClose != nil {
		b.atClose()
	}
	return b.ReadCloser.Close()
}
