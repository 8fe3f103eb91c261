package fetch

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// IsUnavailable reports whether an error means that the place cannot be used now, so that another place may be tried.
// Wrong bytes never count.
func IsUnavailable(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && (p.ID == "fetch/unreachable" || p.ID == "fetch/server-error" || p.ID == "fetch/refused" ||
		p.ID == "fetch/not-found" || p.ID == "fetch/broken-off")
}

var mirrorHint = "When builds have no way to that host, name a mirror, BP_DEPENDENCY_MIRROR=https://mirror.example: " + problem.Page("mirrors.md")

func unreachable(target *url.URL, err error) error {
	why := err.Error()
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		// url.Error repeats the URL, with its credentials.
		why = wrapped.Err.Error()
	}
	if led, ok := errors.AsType[*problem.Problem](err); ok {
		// A redirect that is not followed.
		return backoff.Permanent(led)
	}
	p := &problem.Problem{
		ID:    "fetch/unreachable",
		Title: target.Host + " cannot be reached",
		Why:   strings.TrimSpace(why) + ", for " + redact.URL(target),
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
	p := &problem.Problem{Why: fmt.Sprintf("it answered %s for %s", response.Status, redact.URL(target))}
	switch code := response.StatusCode; {
	case code == http.StatusProxyAuthRequired:
		p.ID, p.Title = "fetch/proxy", "the proxy wants to know who asks for "+target.Host
		p.Hints = []string{"Put user and password into HTTPS_PROXY, or the host into NO_PROXY."}
		return backoff.Permanent(p)
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
		Why:   why + ", for " + redact.URL(target),
		Hints: []string{"If a mirror is set, check that it holds the file under that path.", mirrorHint},
	}
}

func brokenOff(target *url.URL, received, expected int64, err error) error {
	why := fmt.Sprintf("%d bytes of %s had arrived", received, redact.URL(target))
	if expected >= 0 {
		why = fmt.Sprintf("%d of %d bytes of %s had arrived", received, expected, redact.URL(target))
	}
	return &problem.Problem{
		ID:    "fetch/broken-off",
		Title: "the connection to " + target.Host + " broke off",
		Why:   why,
		Hints: []string{"Build again; if it happens often, use a mirror that is nearer.", mirrorHint},
		Err:   err,
	}
}

func tooSlow(target *url.URL, received, expected int64, limit time.Duration) error {
	why := fmt.Sprintf("less than 16 KB arrived in %s, after %d bytes of %s", limit, received, redact.URL(target))
	if expected >= 0 {
		why = fmt.Sprintf("less than 16 KB arrived in %s, after %d of %d bytes of %s", limit, received, expected, redact.URL(target))
	}
	return &problem.Problem{
		ID:    "fetch/broken-off",
		Title: target.Host + " sends too slowly",
		Why:   why,
		Hints: []string{"Build again; if it happens often, use a mirror that is nearer.", mirrorHint},
	}
}

func mismatch(target *url.URL, sum checksum, actual string) error {
	return &problem.Problem{
		ID:    "fetch/checksum",
		Title: "a download is not the file that was expected",
		Why:   fmt.Sprintf("%s has the checksum %s; expected is %s", redact.URL(target), actual, sum.hex()),
		Hints: []string{
			"Nothing of it was used. If a mirror or proxy is set, check that it gives the original file.",
			"If the file comes from its official place, do not go on: it may have been tampered with.",
		},
	}
}

// isPage reports whether an answer says that it is a page for people, which no file is that is downloaded.
func isPage(response *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return kind == "text/html"
}

func webPage(target *url.URL) error {
	return &problem.Problem{
		ID:    "fetch/page",
		Title: target.Host + " answered with a web page",
		Why:   "a proxy, or a page for logging in, stands in between, or there is no file at " + redact.URL(target),
		Hints: []string{"Open the address in a browser, from the network that builds run in.", mirrorHint},
	}
}

// mostRedirects is how many are followed, as by browsers and net/http.
const mostRedirects = 10

// follow says which redirects are followed. Credentials are for the host that they were given for, and never leave TLS.
func follow(request *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	refuse := func(why string) error {
		return &problem.Problem{
			ID:    "fetch/redirect",
			Title: first.URL.Host + " leads elsewhere, and is not followed",
			Why:   why + ", from " + redact.URL(last.URL) + " to " + redact.URL(request.URL),
			Hints: []string{"Correct the address, or how the server redirects.", mirrorHint},
		}
	}
	secret := first.Header.Get("Authorization") != "" || first.URL.User != nil
	switch {
	case len(via) >= mostRedirects:
		return refuse(fmt.Sprintf("it redirected %d times", mostRedirects))
	case request.URL.Scheme != "http" && request.URL.Scheme != "https":
		return refuse("it redirected to an address that is not on the web")
	case last.URL.Scheme == "https" && request.URL.Scheme == "http" && secret:
		return refuse("it redirected a request with credentials to a connection without encryption")
	case request.URL.Host != first.URL.Host:
		request.Header.Del("Authorization")
		request.Header.Del("Referer")
	}
	return nil
}
