package audit

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// mostFeed bounds what a feed may unpack to, in bytes: OSV's archive of npm had 150 MB in 2026, packed.
const mostFeed = 4 << 30

// patience bounds one request.
const patience = 2 * time.Minute

// source is where advisories come from, and for which ecosystems.
type source struct {
	// name is for people.
	name       string
	ecosystems map[string]bool
}

// osvFeed reads advisories about components from a file, a folder or an address: documents of OSV as JSON, or a ZIP archive of them.
func osvFeed(ctx context.Context, from string, components []Component) ([]Finding, source, error) {
	s := source{name: shownFeed(from), ecosystems: map[string]bool{}}
	wanted := map[string][]Component{}
	for _, c := range components {
		name := c.Source
		if name == "" {
			name = c.Name
		}
		wanted[name] = append(wanted[name], c)
	}
	var findings []Finding
	err := documents(ctx, from, func(name string, text []byte) error {
		list, err := parseAdvisories(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, a := range list {
			for _, part := range a.Affected {
				s.ecosystems[part.Package.Ecosystem] = true
				if a.Withdrawn != "" {
					continue
				}
				for _, c := range wanted[part.Package.Name] {
					if !part.concerns(c) {
						continue
					}
					if fixed, is := part.holds(c); is {
						findings = append(findings, Finding{Kind: Advisory, Component: &c, ID: a.ID, Aliases: slices.Concat(a.Aliases, a.Upstream), Severity: a.severity(part), Title: a.title(), Fixed: fixed, URL: a.address()})
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, s, &problem.Problem{
			ID: "audit/feed", Title: "the advisories " + shownAddress(from) + " cannot be read", Why: redact.Credentials(err.Error()),
			Hints: []string{"Give a file, folder or address with documents of OSV: JSON, or a ZIP archive such as https://osv-vulnerabilities.storage.googleapis.com/npm/all.zip."}, Err: err,
		}
	}
	return findings, s, nil
}

// documents reads each document of a feed.
func documents(ctx context.Context, from string, read func(name string, text []byte) error) error {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		text, err := download(ctx, from)
		if err != nil {
			return err
		}
		return document(base(from), text, read)
	}
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if file != from && !strings.HasSuffix(file, ".json") && !strings.HasSuffix(file, ".zip") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return document(file, text, read)
	})
}

func document(name string, text []byte, read func(name string, text []byte) error) error {
	if !bytes.HasPrefix(text, []byte("PK\x03\x04")) {
		return read(name, text)
	}
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	left := int64(mostFeed)
	for _, file := range archive.File {
		if file.FileInfo().IsDir() || !strings.HasSuffix(file.Name, ".json") {
			continue
		}
		opened, err := file.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		text, err := io.ReadAll(io.LimitReader(opened, left+1))
		if err = errors.Join(err, opened.Close()); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		if left -= int64(len(text)); left < 0 {
			return fmt.Errorf("it unpacks to more than %s", problem.Size(mostFeed))
		}
		if err := read(file.Name, text); err != nil {
			return err
		}
	}
	return nil
}

func download(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := newRequest(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return answer(request)
}

// newRequest makes a request; the error of a malformed address does not repeat it.
func newRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("the address is malformed: %w", failed.Err)
	}
	return request, err
}

// answer is what a server says to a request, when it says it with 200.
func answer(request *http.Request) ([]byte, error) {
	request.Header.Set("User-Agent", "gantry")
	response, err := http.DefaultClient.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		// The address in it may hold a token.
		err = failed.Err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shownAddress(request.URL.String()), err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", request.Method, shownAddress(request.URL.String()), response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostFeed+1))
	if err == nil && len(text) > mostFeed {
		err = fmt.Errorf("the answer is larger than %s", problem.Size(mostFeed))
	}
	return text, err
}

// npmAdvisory is what npm's registry says of a package: https://api-docs.npmjs.com/#tag/Audit
type npmAdvisory struct {
	ID                 json.Number `json:"id"`
	URL                string      `json:"url"`
	Title              string      `json:"title"`
	Severity           Severity    `json:"severity"`
	VulnerableVersions string      `json:"vulnerable_versions"`
}

// npmFeed asks an npm registry, as "npm audit" does.
func npmFeed(ctx context.Context, registry string, components []Component) ([]Finding, source, error) {
	s := source{name: strings.TrimPrefix(strings.TrimPrefix(shownAddress(registry), "https://"), "http://"), ecosystems: map[string]bool{"npm": true}}
	versions := map[string][]string{}
	for _, c := range components {
		if c.Ecosystem == "npm" {
			versions[c.Name] = append(versions[c.Name], c.Version)
		}
	}
	if len(versions) == 0 {
		return nil, s, nil
	}
	body, err := json.Marshal(versions)
	if err != nil {
		return nil, s, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := newRequest(ctx, http.MethodPost, strings.TrimSuffix(registry, "/")+"/-/npm/v1/security/advisories/bulk", bytes.NewReader(body))
	if err != nil {
		return nil, s, err
	}
	request.Header.Set("Content-Type", "application/json")
	text, err := answer(request)
	if err != nil {
		return nil, s, err
	}
	var answered map[string][]npmAdvisory
	if err := json.Unmarshal(text, &answered); err != nil {
		return nil, s, fmt.Errorf("the registry's answer: %w", err)
	}
	var findings []Finding
	for _, c := range components {
		if c.Ecosystem != "npm" {
			continue
		}
		for _, a := range answered[c.Name] {
			if finding, is := a.finding(c); is {
				findings = append(findings, finding)
			}
		}
	}
	return findings, s, nil
}

// finding is what the advisory means for a version of the package. Pre-releases are in a range of versions, as npm has it here:
// https://github.com/npm/metavuln-calculator
func (a npmAdvisory) finding(c Component) (Finding, bool) {
	vulnerable, err := semver.ParseRange(a.VulnerableVersions)
	found, versionErr := semver.Parse(c.Version)
	if err != nil || versionErr != nil || !vulnerable.MatchesWithPrereleases(found) {
		return Finding{}, false
	}
	severity := a.Severity
	if !slices.Contains(Severities, severity) {
		severity = Unrated
	}
	id := base(a.URL)
	if !strings.HasPrefix(id, "GHSA-") {
		id = "npm-" + a.ID.String()
	}
	return Finding{Kind: Advisory, Component: &c, ID: id, Severity: severity, Title: a.Title, URL: a.URL, Vulnerable: a.VulnerableVersions}, true
}

// shownAddress is an address without what may be a secret in it: a user, and the query.
func shownAddress(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return redact.Credentials(address)
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return parsed.String()
}

// shownFeed is the last part of a feed's address or path.
func shownFeed(from string) string { return base(shownAddress(from)) }
