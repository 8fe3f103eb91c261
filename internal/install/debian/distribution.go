// Package debian installs packages of a distribution that has Debian's archive format: it reads the signed index, finds what a
// list of packages depends on, downloads and unpacks them. No package's script is run: what an image needs of their work is done
// here (alternatives, the list of installed packages). It needs neither apt nor dpkg nor root.
package debian

import (
	"embed"
	"path"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// Distribution is a release of a distribution.
type Distribution struct {
	// ID and VersionID are those of /etc/os-release.
	ID, VersionID string
	Codename      string
	// Arch is Debian's name of an architecture, which is Go's for those that Gantry supports.
	Arch     string
	archives []archive
}

// archive is a suite of an archive: https://wiki.debian.org/DebianRepository/Format.
type archive struct {
	url, suite, component string
	// keys are names of files in keys: who may sign the suite.
	keys []string
}

//go:embed keys
var keys embed.FS

// snapshots keeps every state that Debian's archives have had: https://snapshot.debian.org.
const (
	mirror    = "https://deb.debian.org/"
	snapshots = "https://snapshot.debian.org/archive/"
)

// codenames are the releases of Debian whose packages can be installed.
var codenames = map[string]string{"12": "bookworm", "13": "trixie"}

// Of gives a release of a distribution; false when its packages cannot be installed.
func Of(id, versionID, arch string) (Distribution, bool) {
	major, _, _ := strings.Cut(versionID, ".")
	codename, known := codenames[major]
	if id != "debian" || !known || arch != "amd64" && arch != "arm64" {
		return Distribution{}, false
	}
	return Distribution{ID: id, VersionID: major, Codename: codename, Arch: arch, archives: debianArchives(codename, mirror)}, true
}

// Known lists the releases whose packages can be installed, for people.
func Known() string { return "Debian 12 and 13" }

func debianArchives(codename, base string) []archive {
	own := "debian-archive-" + codename
	return []archive{
		{url: base + "debian", suite: codename, component: "main", keys: []string{own + "-automatic", own + "-stable"}},
		{url: base + "debian", suite: codename + "-updates", component: "main", keys: []string{own + "-automatic"}},
		{url: base + "debian-security", suite: codename + "-security", component: "main", keys: []string{own + "-security-automatic"}},
	}
}

// At gives the distribution as it was at a time, such as "20261101T000000Z": https://snapshot.debian.org/#usage.
func (d Distribution) At(timestamp string) Distribution {
	list := make([]archive, len(d.archives))
	for i, a := range d.archives {
		a.url = snapshots + path.Base(a.url) + "/" + timestamp
		list[i] = a
	}
	d.archives = list
	return d
}

// Title is the distribution's name for people.
func (d Distribution) Title() string { return "Debian " + d.VersionID + " (" + d.Codename + ")" }

// isSnapshot reports whether an archive is one of the past: its index may be older than it is valid for.
func (a archive) isSnapshot() bool { return strings.HasPrefix(a.url, snapshots) }

// ring gives the keys that may sign the archive's index.
func (a archive) ring() (openpgp.EntityList, error) {
	var ring openpgp.EntityList
	for _, name := range a.keys {
		file, err := keys.Open("keys/" + name + ".asc")
		if err != nil {
			return nil, err
		}
		list, err := openpgp.ReadArmoredKeyRing(file)
		if err != nil {
			return nil, err
		}
		ring = append(ring, list...)
	}
	return ring, nil
}
