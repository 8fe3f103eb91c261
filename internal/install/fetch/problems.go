package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/cenkalti/backoff/v5"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// IsUnavailable reports whether an error means that the place cannot be used now, so that another place may be tried.
// Wrong bytes never count.
func IsUnavailable(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && (p.ID == "fetch/unreachable" || p.ID == "fetch/server-error" || p.ID == "fetch/refused" ||
		p.ID == "fetch/not-found" || p.ID == "fetch/broken-off")
}

const mirrorHint = "When builds have no way to that host, name a mirror: BP_DEPENDENCY_MIRROR=https://mirror.example (see docs/mirrors.md)."

func unreachable(target *url.URL, err error) error {
	why := err.Error()
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		// url.Error repeats the URL, with its credentials.
		why = wrapped.Err.Error()
	}
	p := &problem.Problem{
		ID:    "fetch/unreachable",
		Title: target.Host + " cannot be reached",
		Why:   strings.TrimSpace(why) + ", for " + target.Redacted(),
		Hints: []string{"Check the network, the proxy (HTTPS_PROXY, NO_PROXY) and the CA certificates of the build.", mirrorHint},
		Err:   err,
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return backoff.Permanent(p)
	}
	return p
}

// refused makes an error of an answer that is not 200; those that may pass can be retried.
func refused(target *url.URL, response *http.Response) error {
	p := &problem.Problem{Why: fmt.Sprintf("it answered %s for %s", response.Status, target.Redacted())}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		p.ID, p.Title = "fetch/refused", target.Host+" refuses access"
		p.Hints = []string{"Check the credentials that the build has for it, and that they are still valid."}
		return backoff.Permanent(p)
	case code == http.StatusNotFound || code == http.StatusGone:
		return backoff.Permanent(notFound(target, "it answered "+response.Status))
	case code == http.StatusTooManyRequests || code >= 500:
		p.ID, p.Title = "fetch/server-error", target.Host+" has trouble"
		p.Hints = []string{"Build again in a while.", mirrorHint}
		if seconds, ok := retryAfter(response); ok {
			return errors.Join(p, backoff.RetryAfter(seconds))
		}
		return p
	default:
		p.ID, p.Title = "fetch/server-error", target.Host+" gave an answer that was not expected"
		p.Hints = []string{"Open the address in a browser: a proxy or a login page may stand in between."}
		return backoff.Permanent(p)
	}
}

func notFound(target *url.URL, why string) error {
	return &problem.Problem{
		ID:    "fetch/not-found",
		Title: "a file is not where it should be",
		Why:   why + ", for " + target.Redacted(),
		Hints: []string{"If a mirror is set, check that it holds the file under that path.", mirrorHint},
	}
}

func brokenOff(target *url.URL, received, expected int64, err error) error {
	why := fmt.Sprintf("%d bytes of %s had arrived", received, target.Redacted())
	if expected >= 0 {
		why = fmt.Sprintf("%d of %d bytes of %s had arrived", received, expected, target.Redacted())
	}
	return &problem.Problem{
		ID:    "fetch/broken-off",
		Title: "the connection to " + target.Host + " broke off",
		Why:   why,
		Hints: []string{"Build again; if it happens often, use a mirror that is nearer.", mirrorHint},
		Err:   err,
	}
}

func mismatch(target *url.URL, sum checksum, actual string) error {
	return &problem.Problem{
		ID:    "fetch/checksum",
		Title: "a download is not the file that was expected",
		Why:   fmt.Sprintf("%s has the checksum %s; expected is %s", target.Redacted(), actual, sum.hex()),
		Hints: []string{
			"Nothing of it was used. If a mirror or proxy is set, check that it gives the original file.",
			"If the file comes from its official place, do not go on: it may have been tampered with.",
		},
	}
}
