package fileserver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// chunk is what a client has to take in the time that Steady gives it.
const chunk = 64 << 10

// Steady drops clients that do not read: each 64 KiB of a response has to be taken in a time, as nginx' send_timeout has it. Track is the ConnState of the
// server, so that Hurry can shorten the time of all that are being answered.
type Steady struct {
	limit atomic.Int64
	conns sync.Map
}

// NewSteady gives clients a time.
func NewSteady(limit time.Duration) *Steady {
	s := &Steady{}
	s.limit.Store(int64(limit))
	return s
}

// Track remembers the connections.
func (s *Steady) Track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Store(conn, true)
	case http.StateClosed, http.StateHijacked:
		s.conns.Delete(conn)
	}
}

// Hurry gives all clients another time, from now on.
func (s *Steady) Hurry(limit time.Duration) {
	s.limit.Store(int64(limit))
	s.conns.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).SetWriteDeadline(time.Now().Add(limit))
		return true
	})
}

// Handler gives the clients of a handler the time.
func (s *Steady) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&steadyWriter{ResponseWriter: w, control: http.NewResponseController(w), limit: &s.limit}, r)
		// What is still buffered is sent after this.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Duration(s.limit.Load())))
	})
}

type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   *atomic.Int64
	renewed time.Time
	limited int64
}

// renew gives the client the time again, at most once a second: it is a call of the runtime's timers.
func (w *steadyWriter) renew() {
	now, limit := time.Now(), w.limit.Load()
	if limit == w.limited && now.Sub(w.renewed) < time.Second {
		return
	}
	w.renewed, w.limited = now, limit
	_ = w.control.SetWriteDeadline(now.Add(time.Duration(limit)))
}

func (w *steadyWriter) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		w.renew()
		var n int
		n, err = w.ResponseWriter.Write(p[:min(len(p), chunk)])
		written, p = written+n, p[n:]
	}
	return written, err
}

// ReadFrom sends a file by parts; the kernel does it, where the connection allows that.
func (w *steadyWriter) ReadFrom(src io.Reader) (written int64, err error) {
	part := &io.LimitedReader{R: src}
	left := int64(-1)
	if limited, ok := src.(*io.LimitedReader); ok {
		part.R, left = limited.R, limited.N
		defer func() { limited.N -= written }()
	}
	from, direct := w.ResponseWriter.(io.ReaderFrom)
	for left != 0 {
		part.N = chunk
		if left > 0 {
			part.N = min(chunk, left)
		}
		wanted := part.N
		w.renew()
		var n int64
		if direct {
			n, err = from.ReadFrom(part)
		} else {
			n, err = io.Copy(struct{ io.Writer }{w.ResponseWriter}, part)
		}
		written += n
		if left > 0 {
			left -= n
		}
		if err != nil || n < wanted {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return written, err
}

// Unwrap is for http.ResponseController.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
