package elffile

import (
	"cmp"
	"debug/elf"
	"slices"
	"strconv"
	"strings"
)

// Need is a library that a program or another library needs, by its name (DT_NEEDED).
type Need struct {
	Library string
	// Versions are those of its symbols that it must define (DT_VERNEED): of each name the newest, such as GLIBC_2.38.
	Versions []string
}

// machines are those of architectures, as Go names them.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// Needed gives the shared libraries that a program or library needs itself, and its own name (DT_SONAME), empty without
// one. A file that is none, or is damaged, or is for another architecture or the C library musl, needs nothing: packages
// bring what they have compiled for each, and load one of them.
func Needed(file, arch string) (needs []Need, own string) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, ""
	}
	defer func() { _ = f.Close() }()
	names, _ := f.DynString(elf.DT_NEEDED)
	if f.Machine != machines[arch] || slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "libc.musl") }) {
		return nil, ""
	}
	if self, err := f.DynString(elf.DT_SONAME); err == nil && len(self) > 0 {
		own = self[0]
	}
	versions := map[string][]string{}
	if list, err := f.DynamicVersionNeeds(); err == nil {
		for _, of := range list {
			versions[of.Name] = newest(of.Needs)
		}
	}
	for _, name := range names {
		needs = append(needs, Need{name, versions[name]})
	}
	return needs, own
}

// newest leaves of versions that differ in their numbers alone the newest: libraries that have it have the older ones,
// too. Those that a program can do without (VER_FLG_WEAK) are none.
func newest(needs []elf.DynamicVersionDep) (list []string) {
	at := map[string]int{}
	for _, need := range needs {
		if need.Flags&elf.VER_FLG_WEAK != 0 {
			continue
		}
		name, numbers, _ := strings.Cut(need.Dep, "_")
		if numbers == "" || numbers[0] < '0' || numbers[0] > '9' {
			name = need.Dep
		}
		i, known := at[name]
		switch {
		case !known:
			at[name] = len(list)
			list = append(list, need.Dep)
		case compare(need.Dep, list[i]) > 0:
			list[i] = need.Dep
		}
	}
	return list
}

// compare orders two versions of the same name by their numbers.
func compare(a, b string) int {
	_, a, _ = strings.Cut(a, "_")
	_, b, _ = strings.Cut(b, "_")
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if m != n {
			return cmp.Compare(m, n)
		}
	}
	return 0
}
