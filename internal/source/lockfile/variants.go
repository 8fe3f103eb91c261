package lockfile

import (
	"cmp"
	"slices"
	"strings"
)

// Lacking is a package for this platform that another one loads, and that the lockfile does not have, while it has one for another
// platform: npm leaves out what it finds no use for when node_modules holds packages of another system
// (https://github.com/npm/cli/issues/4828).
type Lacking struct {
	// By is the key of the package that loads it, Name its own.
	By, Name string
	// Optional: the application does without By, too.
	Optional bool
}

// lacking finds such a package among the optional dependencies of a package; has reports whether the lockfile has one.
func (p Platform) lacking(optional map[string]string, has func(name string) bool) string {
	missing, others := "", false
	p.Libc = cmp.Or(p.Libc, "glibc")
	for name := range optional {
		v := variantOf(name)
		switch {
		case v.OS == "" || v.CPU == "":
		case v == p && !has(name):
			if missing == "" || name < missing {
				missing = name
			}
		case v == p:
			// Of two for this platform one is enough.
			return ""
		default:
			others = others || has(name)
		}
	}
	if !others {
		return ""
	}
	return missing
}

// The words by which names of packages say what they are for: @img/sharp-linuxmusl-x64, @rollup/rollup-linux-arm64-gnu,
// @esbuild/linux-x64, @next/swc-linux-x64-gnu.
var (
	systems = []string{"linux", "darwin", "win32", "windows", "freebsd", "android", "openbsd", "netbsd", "sunos", "aix"}
	cpuOf   = map[string]string{"x64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64", "arm": "arm", "ia32": "ia32", "riscv64": "riscv64", "s390x": "s390x", "ppc64": "ppc64", "ppc64le": "ppc64", "universal": "universal"}
)

// variantOf gives the platform that a package's name tells; OS is empty where it tells none.
func variantOf(name string) (p Platform) {
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("@/-_.", r) }) {
		libc := ""
		if rest, musl := strings.CutSuffix(word, "musl"); musl {
			word, libc = rest, "musl"
		}
		switch {
		case slices.Contains(systems, word):
			p.OS = word
		case cpuOf[word] != "":
			p.CPU = cpuOf[word]
		}
		if libc != "" {
			p.Libc = libc
		}
	}
	if p.OS == "linux" && p.Libc == "" {
		p.Libc = "glibc"
	}
	return p
}
