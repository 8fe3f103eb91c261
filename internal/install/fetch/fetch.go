// Package fetch downloads files whose checksums are known beforehand. It knows mirrors, retries and what can go wrong
// on the way; a file appears under its name only when its bytes are the expected ones.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// File is something to download.
type File struct {
	URL string
	// Checksum is "sha256:" and hex digits, or Subresource Integrity: "sha512-" and base64, for example.
	Checksum string
	// Authorization is the header of that name, sent to the URL's own host; empty for none.
	Authorization string
}

// Name is the file's name as its URL gives it.
func (f File) Name() string {
	if u, err := url.Parse(f.URL); err == nil {
		return path.Base(u.Path)
	}
	return "file"
}

// Client downloads files.
type Client struct {
	HTTP    *http.Client
	Mirrors Mirrors
	// Offline is a folder of files that came with the buildpack, as SHA256/NAME; empty when there is none.
	Offline string
	// UserAgent is sent with every request.
	UserAgent string
	// Tries is how often a download is attempted when the fault may pass.
	Tries uint
	// Pause is the first waiting time between tries; it grows from one to the next.
	Pause time.Duration
	// Idle is how long a server may take for each part of a file (16 KB) before the attempt is given up.
	Idle time.Duration
	// Retrying is told of every fault that is followed by another try.
	Retrying func(url, why string, wait time.Duration)
	// Slow is after which time without progress Waiting is told of a host, once.
	Slow    time.Duration
	Waiting func(host string, since time.Duration)

	transport *http.Transport
	// slow are the hosts of which Waiting was told.
	slow *sync.Map
}

// NewClient gives a client with the usual limits.
func NewClient(userAgent string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 8 * time.Second}).DialContext
	transport.ResponseHeaderTimeout = 30 * time.Second
	transport.MaxIdleConnsPerHost = 64
	// The files are compressed; asking for more makes some mirrors change their bytes.
	transport.DisableCompression = true
	return &Client{
		HTTP: &http.Client{Transport: &shared{Transport: transport}, CheckRedirect: follow}, transport: transport, UserAgent: userAgent,
		Tries: 4, Pause: 500 * time.Millisecond, Idle: 30 * time.Second,
		Retrying: func(string, string, time.Duration) {},
		Slow:     10 * time.Second, Waiting: func(string, time.Duration) {}, slow: &sync.Map{},
	}
}

// Save downloads a file to a path and gives its size and the place it came from, without credentials.
func (c *Client) Save(ctx context.Context, file File, destination string) (size int64, source string, err error) {
	partial := destination + ".partial"
	defer func() { _ = os.Remove(partial) }()
	source, err = c.get(ctx, file, func(body io.Reader) error {
		out, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
		if err != nil {
			return problem.Disk("write "+filepath.Base(destination), err)
		}
		written := &diskWriter{out: out}
		size, err = io.Copy(written, body)
		if err = errors.Join(err, out.Close()); written.err != nil {
			return problem.Disk("write "+filepath.Base(destination), written.err)
		}
		return err
	})
	if err != nil {
		return 0, source, err
	}
	if err := os.Rename(partial, destination); err != nil {
		return 0, source, problem.Disk("write "+filepath.Base(destination), err)
	}
	return size, source, nil
}

// maxText bounds what Text reads, in bytes.
const maxText = 16 << 20

// Text gets a small file; one without a checksum is as good as the connection that it comes by.
func (c *Client) Text(ctx context.Context, file File) (text []byte, err error) {
	_, err = c.get(ctx, file, func(body io.Reader) error {
		text, err = io.ReadAll(io.LimitReader(body, maxText))
		return err
	})
	return text, err
}

// diskWriter remembers an error of the disk, to tell it from one of the network.
type diskWriter struct {
	out io.Writer
	err error
}

func (w *diskWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.err = err
	return n, err
}

// get finds the file and hands its content to use, once for every try; the content is verified when use returns.
func (c *Client) get(ctx context.Context, file File, use func(io.Reader) error) (source string, err error) {
	sum := checksum{new: sha256.New}
	if file.Checksum != "" {
		if sum, err = newChecksum(file.Checksum); err != nil {
			return "", err
		}
	}
	target, err := c.Mirrors.resolve(file, sum.hex())
	if err != nil {
		return "", err
	}
	if bundled := c.bundled(sum, file); bundled != "" {
		target = &url.URL{Scheme: "file", Path: bundled}
	}
	source = redact.URL(target)
	authorization := ""
	if own, err := url.Parse(file.URL); err == nil && own.Host == target.Host {
		authorization = file.Authorization
	}
	attempt := func() (struct{}, error) { return struct{}{}, c.attempt(ctx, target, authorization, sum, use) }
	waiting := backoff.NewExponentialBackOff()
	waiting.InitialInterval, waiting.MaxInterval = c.Pause, 15*time.Second
	_, err = backoff.Retry(ctx, attempt, backoff.WithBackOff(waiting), backoff.WithMaxTries(c.Tries),
		backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
			c.Retrying(source, problem.As(err).Title, wait)
		}))
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return source, p
	}
	return source, err
}

// Place is where a file lies in the folder of a package that needs no network: SHA256/NAME, or with the first 64 digits of
// another checksum in its place: the names of files in packages are USTAR's, of which a part has 155 bytes.
func Place(dir string, file File) (string, error) {
	sum, err := newChecksum(file.Checksum)
	return place(dir, sum, file), err
}

func place(dir string, sum checksum, file File) string {
	digits := sum.hex()
	return filepath.Join(dir, digits[:min(64, len(digits))], file.Name())
}

// Bundled reports whether a file came with the buildpack.
func (c *Client) Bundled(file File) bool {
	sum, err := newChecksum(file.Checksum)
	return err == nil && c.bundled(sum, file) != ""
}

// bundled gives the path of a file that came with the buildpack (an offline package), or "".
func (c *Client) bundled(sum checksum, file File) string {
	if c.Offline == "" {
		return ""
	}
	name := place(c.Offline, sum, file)
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}

func (c *Client) attempt(ctx context.Context, target *url.URL, authorization string, sum checksum, use func(io.Reader) error) error {
	received, err := c.start(ctx, target, authorization)
	if err != nil {
		return err
	}
	defer received.close()
	hashed := sum.new()
	err = use(io.TeeReader(received, hashed))
	actual := hex.EncodeToString(hashed.Sum(nil))
	switch {
	case received.stalled:
		return tooSlow(target, received.n, received.answer.length, c.Idle)
	case received.err != nil || (err == nil && received.answer.length >= 0 && received.n < received.answer.length):
		return brokenOff(target, received.n, received.answer.length, received.err)
	case received.answer.page && (err != nil || actual != sum.hex()):
		return backoff.Permanent(webPage(target))
	case err != nil:
		return backoff.Permanent(err)
	case len(sum.digest) > 0 && actual != sum.hex():
		return backoff.Permanent(mismatch(target, sum, actual))
	}
	return nil
}

// answer is what a place gives: length is -1 where it is not known, page says that it is meant for people, version tells this content
// from others, and part which bytes of it these are.
type answer struct {
	body          io.ReadCloser
	length        int64
	page          bool
	version, part string
}

func (c *Client) open(ctx context.Context, target *url.URL, authorization string, more http.Header) (answer, error) {
	if target.Scheme == "file" {
		file, err := os.Open(target.Path)
		if err != nil {
			return answer{}, backoff.Permanent(notFound(target, err.Error()))
		}
		return answer{body: file, length: -1}, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return answer{}, backoff.Permanent(fmt.Errorf("request %s: %w", redact.URL(target), err))
	}
	maps.Copy(request.Header, more)
	request.Header.Set("User-Agent", c.UserAgent)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, backoff.Permanent(ctx.Err())
		}
		return answer{}, unreachable(target, err)
	}
	if response.StatusCode == http.StatusOK || response.StatusCode == http.StatusPartialContent && more != nil {
		return answer{response.Body, response.ContentLength, isPage(response), version(response), response.Header.Get("Content-Range")}, nil
	}
	_ = response.Body.Close()
	return answer{}, refused(target, response)
}

// version gives the strong validator of an answer: RFC 9110, 8.8.
func version(response *http.Response) string {
	if tag := response.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return response.Header.Get("Last-Modified")
}

// maxRetryAfter bounds the time that a server may ask for, in seconds.
const maxRetryAfter = 60

func retryAfter(response *http.Response) (int, bool) {
	wait, err := strconv.Atoi(response.Header.Get("Retry-After"))
	return min(wait, maxRetryAfter), err == nil && wait > 0
}
