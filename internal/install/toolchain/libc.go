package toolchain

import (
	"os"
	"path/filepath"
	"strings"
)

// Libc tells the C library of a machine, whose root folder is given, as npm does: from the text of ldd
// (https://github.com/npm/npm-install-checks/blob/main/lib/current-env.js).
func Libc(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "usr/bin/ldd"))
	switch {
	case err == nil && strings.Contains(string(text), "musl"):
		return "musl"
	case err == nil && strings.Contains(string(text), "GNU C Library"):
		return "glibc"
	}
	if found, _ := filepath.Glob(filepath.Join(root, "lib/ld-musl-*")); len(found) > 0 {
		return "musl"
	}
	return "glibc"
}
