package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// Trust has the client trust these certificates alone. It must not have been used before.
func (c *Client) Trust(roots *x509.CertPool) {
	c.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// shared lets the first request to a host have its connection before others ask for theirs. With HTTP/2 that one carries
// them all; net/http would make one for each, and throw all but one away.
type shared struct {
	*http.Transport
	// hosts has a channel for each, closed once there is a connection, or will be none.
	hosts sync.Map
}

// RoundTrip is that of http.RoundTripper.
func (s *shared) RoundTrip(request *http.Request) (*http.Response, error) {
	connected := make(chan struct{})
	if first, others := s.hosts.LoadOrStore(request.URL.Scheme+"://"+request.URL.Host, connected); others {
		select {
		case <-first.(chan struct{}):
		case <-request.Context().Done():
		}
		return s.Transport.RoundTrip(request)
	}
	release := sync.OnceFunc(func() { close(connected) })
	defer release()
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { release() }}
	return s.Transport.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
}
