package plan

// System are packages of the distribution that an application needs.
type System struct {
	// Packages are in the image, and there while it is built; Build only while it is built. A name may have "=VERSION" behind it.
	Packages, Build []string `json:",omitempty"`
	// Snapshot is the time of whose archive they are, such as "20261101T000000Z"; empty for today's.
	Snapshot string `json:",omitempty"`
}

// None reports whether no package is needed.
func (s System) None() bool { return len(s.Packages)+len(s.Build) == 0 }
