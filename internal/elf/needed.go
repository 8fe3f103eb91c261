package elf

import "debug/elf"

// Needed gives the names of the shared libraries that a program or library needs itself (DT_NEEDED), and its own name
// (DT_SONAME), empty without one. A file that is none, or is for another machine than this one, needs nothing.
func Needed(file string) (names []string, own string) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, ""
	}
	defer func() { _ = f.Close() }()
	names, _ = f.DynString(elf.DT_NEEDED)
	if self, err := f.DynString(elf.DT_SONAME); err == nil && len(self) > 0 {
		own = self[0]
	}
	return names, own
}
