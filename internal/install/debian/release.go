package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// release is the verified InRelease file of a suite: https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files.
type release struct {
	archive archive
	date    time.Time
	// digest tells one state of the suite from another.
	digest string
	// sums maps files of the suite to their SHA-256 digests.
	sums map[string]string
}

func (a archive) address(file string) string { return a.url + "/dists/" + a.suite + "/" + file }

// downloader is what downloads files: fetch.Client.
type downloader interface {
	Text(ctx context.Context, file fetch.File) ([]byte, error)
	Save(ctx context.Context, file fetch.File, destination string) (size int64, source string, err error)
}

// readRelease verifies the text of an InRelease file with the archive's keys. now is for the keys, and unless anyAge is set, for
// the time until which the file is valid.
func (a archive) readRelease(text []byte, ring openpgp.KeyRing, now time.Time, anyAge bool) (release, error) {
	block, rest := clearsign.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return release{}, a.unsigned("it has no signature", nil)
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	_, err := openpgp.CheckDetachedSignature(ring, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return release{}, a.unsigned("none of the keys of the distribution that Gantry has has signed it", err)
	case errors.Is(err, pgperrors.ErrKeyExpired) || errors.Is(err, pgperrors.ErrSignatureExpired):
		return release{}, a.unsigned("the key or the signature has expired: "+err.Error(), err)
	case err != nil:
		return release{}, a.unsigned(err.Error(), err)
	}
	r := release{archive: a, sums: map[string]string{}}
	r.digest = digest(block.Plaintext)
	fields := paragraph(block.Plaintext)
	if r.date, err = time.Parse(time.RFC1123, fields.get("Date")); err != nil {
		return release{}, a.unreadable("it has no date", err)
	}
	if codename := fields.get("Codename"); codename != a.suite {
		return release{}, a.unreadable(fmt.Sprintf("it is that of %q", codename), nil)
	}
	until, err := time.Parse(time.RFC1123, fields.get("Valid-Until"))
	if err == nil && now.After(until) && !anyAge && !a.isSnapshot() {
		return release{}, a.stale(r.date, until)
	}
	for line := range strings.Lines(fields.get("SHA256")) {
		if words := strings.Fields(line); len(words) == 3 {
			r.sums[words[2]] = words[0]
		}
	}
	return r, nil
}

func (a archive) unsigned(why string, err error) error {
	return &problem.Problem{
		ID:    "packages/signature",
		Title: "the package index " + a.suite + " is not signed by its distribution",
		Where: problem.Position{File: a.address("InRelease")},
		Why:   why,
		Hints: []string{"Check the mirror (BP_DEPENDENCY_MIRROR) and the machine's clock. A newer version of Gantry has newer keys."},
		Err:   err,
	}
}

func (a archive) unreadable(why string, err error) error {
	return &problem.Problem{
		ID:    "packages/index",
		Title: "the package index " + a.suite + " cannot be used",
		Where: problem.Position{File: a.address("InRelease")},
		Why:   why,
		Hints: []string{"Check the mirror (BP_DEPENDENCY_MIRROR)."},
		Err:   err,
	}
}

func (a archive) stale(date, until time.Time) error {
	return &problem.Problem{
		ID:    "packages/stale",
		Title: "the package index " + a.suite + " is out of date",
		Where: problem.Position{File: a.address("InRelease")},
		Why:   fmt.Sprintf("it is of %s and was valid until %s: the mirror is not updated any more, or the machine's clock is wrong", date.Format(time.DateOnly), until.Format(time.DateOnly)),
		Hints: []string{"Use another mirror (BP_DEPENDENCY_MIRROR), or name a state of the past: packages-snapshot, gantry base --snapshot."},
	}
}
