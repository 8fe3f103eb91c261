// Package yarn fills Yarn's cache from its lockfile, faster than Yarn does: version 1 fetches one file after the other of a
// few connections, and unpacks on one processor.
package yarn

import (
	"encoding/base64"
	"encoding/hex"
	"path"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Archive is a package of a registry.
type Archive struct {
	// Key is the first dependency that leads to it, such as "express@^4.0.0".
	Key           string
	Name, Version string
	// URL is where the archive is; SHA1 its checksum in hex and Integrity Subresource Integrity. One of them may be empty.
	URL, SHA1, Integrity string
}

// Archives gives the packages of a lockfile that come from a registry. others reports whether there are packages that do not.
func Archives(text []byte) (list []Archive, others bool) {
	known := map[string]bool{}
	for _, e := range lockfile.Yarn1(text) {
		a, ok := archiveOf(e)
		if !ok {
			others = true
			continue
		}
		switch folder, file := a.folder(), a.mirrored(); {
		case known[folder]:
		case known[file]:
			// Yarn calls the archives of @a/b-c and @a-b/c the same.
			others = true
		default:
			known[folder], known[file] = true, true
			list = append(list, a)
		}
	}
	return list, others
}

// usual are the fields of an entry for a package of a registry: src/lockfile/index.js.
var usual = map[string]bool{"version": true, "resolved": true, "integrity": true, "dependencies:": true, "optionalDependencies:": true}

func archiveOf(e lockfile.Yarn1Entry) (Archive, bool) {
	for field := range e.Fields {
		if !usual[field] {
			return Archive{}, false
		}
	}
	a := Archive{Key: e.Descriptors[0], Version: e.Fields["version"], Integrity: e.Fields["integrity"]}
	for _, descriptor := range e.Descriptors {
		at := strings.LastIndexByte(descriptor, '@')
		// Other ranges are aliases, folders, addresses and repositories.
		if at < 1 || strings.ContainsAny(descriptor[at:], ":/") || a.Name != "" && a.Name != descriptor[:at] {
			return Archive{}, false
		}
		a.Name = descriptor[:at]
	}
	a.URL, a.SHA1, _ = strings.Cut(e.Fields["resolved"], "#")
	if a.SHA1 != "" && !sha1Digits().MatchString(a.SHA1) {
		return Archive{}, false
	}
	web := strings.HasPrefix(a.URL, "https://") || strings.HasPrefix(a.URL, "http://")
	plain := packageName().MatchString(a.Name) && version().MatchString(a.Version)
	return a, web && plain && archiveName().MatchString(a.URL) && a.SHA1+a.Integrity != ""
}

var (
	// packageName and version are such that they are names of folders as well.
	packageName = lazyregexp.New(`^(?:@\w[\w.~-]*/)?\w[\w.~-]*$`)
	version     = lazyregexp.New(`^\w[\w.+-]*$`)
	sha1Digits  = lazyregexp.New(`^[0-9a-f]{40}$`)
	// archiveName is RE_URL_NAME_MATCH of src/fetchers/tarball-fetcher.js.
	archiveName = lazyregexp.New(`/(?:(@[^/]+)(?:/|%2f))?[^/]+/(?:-|_attachments)/(?:@[^/]+/)?(\w[^/?#]*)$`)
)

// mirrored is the name of the archive in an offline mirror: https://classic.yarnpkg.com/blog/2016/11/24/offline-mirror/.
func (a Archive) mirrored() string {
	match := archiveName().FindStringSubmatch(a.URL)
	if match[1] != "" {
		return match[1] + "-" + match[2]
	}
	return match[2]
}

// checksum is the better of its checksums, as Subresource Integrity.
func (a Archive) checksum() string {
	if a.Integrity != "" {
		return a.Integrity
	}
	digest, _ := hex.DecodeString(a.SHA1)
	return "sha1-" + base64.StdEncoding.EncodeToString(digest)
}

// cacheVersion is that of Yarn 1.19 to 1.22: src/constants.js.
const cacheVersion = "v6"

// unusable are characters that Yarn takes out of the names of folders.
var unusable = regexp.MustCompile(`[^@a-z0-9]+`)

// folder is where Yarn looks for the package in its cache: generateModuleCachePath of src/config.js.
func (a Archive) folder() string {
	slug := "npm-" + strings.Trim(unusable.ReplaceAllString(a.Name, "-"), "-") + "-" + a.Version
	if a.SHA1 != "" {
		slug += "-" + a.SHA1
	}
	if a.Integrity != "" {
		slug += "-integrity"
	}
	return path.Join(cacheVersion, slug, "node_modules", a.Name)
}
