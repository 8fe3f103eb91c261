package base

import (
	"regexp"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/install/debian"
)

// Kind is what a base image is for.
type Kind string

// The kinds: what programs without a shell run on, what applications run on, and what they are built on.
const (
	Tiny  Kind = "tiny"
	Run   Kind = "base"
	Build Kind = "build"
)

// Kinds are all kinds, the smaller first.
var Kinds = []Kind{Tiny, Run, Build}

// The packages of each kind; each has those of the one before, too.
var (
	// tinyPackages are what Node.js needs, and what programs expect to find: certificates, time zones, names of services.
	tinyPackages = []string{"base-files", "base-passwd", "ca-certificates", "libatomic1", "libc-bin", "libc6", "libgcc-s1", "libssl3", "libstdc++6", "netbase", "openssl", "tzdata", "zlib1g"}
	// runPackages are a shell with the programs that scripts call, and what packages with native code are often linked with.
	runPackages = []string{
		"bash", "coreutils", "dash", "findutils", "grep", "gzip", "hostname", "mawk", "ncurses-base", "procps", "sed", "sysvinit-utils", "tar",
		"libcrypt1", "libffi8", "libgmp10", "libgmpxx4ldbl", "libpq5", "libsqlite3-0", "libyaml-0-2",
	}
	// buildPackages are compilers, and the headers of those libraries.
	buildPackages = []string{
		"bsdutils", "build-essential", "bzip2", "curl", "diffutils", "dpkg", "git", "login", "patch", "perl", "pkg-config", "python3-minimal", "unzip", "util-linux", "xz-utils",
		"libffi-dev", "libgmp-dev", "libpq-dev", "libsqlite3-dev", "libssl-dev", "libyaml-dev", "zlib1g-dev",
	}
)

// renamed are packages that a later release calls otherwise: its libraries have times of 64 bits.
var renamed = map[string]map[string]string{"trixie": {"libssl3": "libssl3t64"}}

// Packages gives the names of a kind's packages in a release.
func (k Kind) Packages(codename string) []string {
	list := slices.Clone(tinyPackages)
	if k != Tiny {
		list = append(list, runPackages...)
	}
	if k == Build {
		list = append(list, buildPackages...)
	}
	for i, name := range list {
		if other, ok := renamed[codename][name]; ok {
			list[i] = other
		}
	}
	return list
}

// unneeded are packages on which others depend for their installation alone, which is not done with dpkg here, and for PAM and
// SELinux, which containers do not use.
func (k Kind) unneeded() []string {
	list := []string{"debconf", "debconf-2.0", "dpkg", "libdebconfclient0", "init-system-helpers", "install-info", "perl-base", "awk"}
	if k == Build {
		// Compilers' tools are written in Perl, and mawk is there.
		return slices.DeleteFunc(list, func(name string) bool { return name == "perl-base" || name == "dpkg" })
	}
	return list
}

// charsets convert between encodings of text: 8 MB of which Node.js uses none.
var charsets = regexp.MustCompile(`^usr/lib/[^/]+/gconv/.|^usr/s?bin/(?:update-ca-certificates|c_rehash|tzselect|iconvconfig|update-passwd|ldconfig|ldd|catchsegv|localedef|zdump|zic|getent|getconf|iconv|locale|pldd|sotruss|sprof|xtrace|mtrace)$|^usr/share/i18n/`)

// keep chooses the files of a kind.
func (k Kind) keep(name string) bool {
	if debian.IsDocumentation(name) || k != Build && name == "usr/bin/c_rehash" {
		return false
	}
	return k != Tiny || !charsets.MatchString(name)
}
