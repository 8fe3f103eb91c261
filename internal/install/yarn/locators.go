package yarn

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Locator is a package of a registry that Yarn 2 and later keep as a ZIP archive.
type Locator struct {
	Name, Version string
	// URL is where the package is.
	URL string
	// SHA512 is the checksum of Yarn's archive, in hex.
	SHA512 string
}

// uncompressed is the key of Yarn 4's caches as long as its archives are not compressed, which is what it does without the
// setting compressionLevel: https://yarnpkg.com/configuration/yarnrc#compressionLevel.
const uncompressed = "10c0"

// IsBerry reports whether a lockfile is one of Yarn 2 or later.
func IsBerry(text []byte) bool { return bytes.Contains(text, []byte("\n__metadata:")) }

// Locators gives the packages of a lockfile that come from a registry, and are installed on a platform, where Yarn's archives
// are such as can be made.
func Locators(text []byte, registry string, on lockfile.Platform) []Locator {
	var list []Locator
	known := map[string]bool{}
	for _, e := range lockfile.Berry(text) {
		digest, ok := strings.CutPrefix(e.Checksum, uncompressed+"/")
		l := Locator{Version: e.Version, SHA512: digest}
		l.Name, _, _ = strings.Cut(e.Resolution, "@npm:")
		if !ok || !sha512Digits().MatchString(digest) || e.Resolution != l.Name+"@npm:"+l.Version || !e.Fits(on) || !packageName().MatchString(l.Name) || !plainVersion().MatchString(l.Version) {
			continue
		}
		l.URL = strings.TrimRight(registry, "/") + "/" + l.Name + "/-/" + l.Name[strings.IndexByte(l.Name, '/')+1:] + "-" + l.Version + ".tgz"
		if file := l.file(); !known[file] {
			known[file] = true
			list = append(list, l)
		}
	}
	return list
}

var (
	sha512Digits = lazyregexp.New(`^[0-9a-f]{128}$`)
	// plainVersion has no build metadata, which Yarn leaves out of names.
	plainVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:-[\w.-]+)?$`)
)

func (l Locator) file() string { return fileOf(l.Name, l.Version, "npm:"+l.Version) }

// fileOf is the name of an archive in the cache: slugifyLocator of packages/yarnpkg-core/sources/structUtils.ts, and
// getVersionFilename of Cache.ts.
func fileOf(name, version, reference string) string {
	scope, name, scoped := strings.Cut(strings.TrimPrefix(name, "@"), "/")
	if !scoped {
		scope, name = "", scope
	}
	identity := digest(scope + name)
	slug := name
	if scoped {
		slug = "@" + scope + "-" + name
	}
	return slug + fromRegistry + version + "-" + digest(identity + reference)[:10] + "-" + uncompressed + ".zip"
}

// fromRegistry is in the name of every archive of a package of a registry.
const fromRegistry = "-npm-"

// PruneArchives removes from what Yarn keeps the archives of a registry's packages that a lockfile does not name any more.
func PruneArchives(text []byte, s prefetch.Store) error {
	needed := map[string]bool{}
	for _, e := range lockfile.Berry(text) {
		if name, reference, found := strings.Cut(e.Resolution, "@npm:"); found {
			needed[fileOf(name, e.Version, "npm:"+reference)] = true
		}
	}
	return prune(filepath.Join(s.Kept, cacheFolder), func(name string) bool { return needed[name] || !strings.Contains(name, fromRegistry) })
}

func digest(text string) string {
	sum := sha512.Sum512([]byte(text))
	return hex.EncodeToString(sum[:])
}

// checksum is that of the archive, as Subresource Integrity.
func (l Locator) checksum() string {
	sum, _ := hex.DecodeString(l.SHA512)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum)
}
