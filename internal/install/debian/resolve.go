package debian

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pault.ag/go/debian/dependency"
	"pault.ag/go/debian/version"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Installed are packages that are there already: what they and their dependencies need is not looked at.
type Installed []Package

// ReadStatus reads dpkg's list of packages, /var/lib/dpkg/status.
func ReadStatus(text []byte) Installed {
	var list Installed
	for _, fields := range paragraphs(text) {
		if status := fields.get("Status"); status == "" || strings.HasSuffix(status, " installed") {
			list = append(list, Package{Name: fields.get("Package"), Version: fields.get("Version"), fields: fields})
		}
	}
	return list
}

// selection is what is chosen while dependencies are followed.
type selection struct {
	index *Index
	// chosen are the packages to install, there those that are installed, by name.
	chosen, there map[string]Package
	// provided has the versions in which chosen and installed packages provide virtual packages; "" is a provision without one.
	provided map[string][]string
	omit     map[string]bool
}

// Resolve gives the packages that a list of names needs beyond those installed, with all on which they depend (Depends and
// Pre-Depends), in the order of their names. Packages named in omit are neither installed nor missed.
// A name may be followed by "=VERSION".
func (x *Index) Resolve(names []string, installed Installed, omit []string) ([]Package, error) {
	s := selection{index: x, chosen: map[string]Package{}, there: map[string]Package{}, provided: map[string][]string{}, omit: map[string]bool{}}
	for _, name := range omit {
		s.omit[name] = true
	}
	for _, p := range installed {
		s.there[p.Name] = p
		s.provide(p)
	}
	var queue []Package
	for _, given := range names {
		if len(s.provided[given]) > 0 && len(x.packages[given]) == 0 {
			// A virtual package that is provided already.
			continue
		}
		p, err := x.wanted(given)
		if err != nil {
			return nil, err
		}
		if err := s.sameVersion(p, strings.Contains(given, "=")); err != nil {
			return nil, err
		}
		if _, there := s.there[p.Name]; !there {
			queue = s.choose(queue, p)
		}
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, field := range []string{"Pre-Depends", "Depends"} {
			wants, err := p.relations(field)
			if err != nil {
				return nil, err
			}
			for _, relation := range wants {
				next, found := s.satisfy(relation)
				if !found {
					return nil, unsatisfied(p, relation)
				}
				if next != nil {
					queue = s.choose(queue, *next)
				}
			}
		}
	}
	list := slices.SortedFunc(maps.Values(s.chosen), func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range list {
		if err := s.conflict(p); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sameVersion refuses a version that is asked for where another one is chosen or installed.
func (s selection) sameVersion(p Package, exact bool) error {
	for where, all := range map[string]map[string]Package{"asked for, too": s.chosen, "in the run image": s.there} {
		if other, there := all[p.Name]; there && other.Version != p.Version && exact {
			return &problem.Problem{
				ID: "packages/version", Title: fmt.Sprintf("%s %s cannot be installed", p.Name, p.Version), Why: fmt.Sprintf("%s %s is %s", p.Name, other.Version, where),
				Hints: []string{"Leave the version out, or name that one."},
			}
		}
	}
	return nil
}

// choose adds a package, unless it is chosen.
func (s selection) choose(queue []Package, p Package) []Package {
	if _, twice := s.chosen[p.Name]; twice {
		return queue
	}
	s.chosen[p.Name] = p
	s.provide(p)
	return append(queue, p)
}

func (s selection) provide(p Package) {
	s.provided[p.Name] = append(s.provided[p.Name], p.Version)
	for _, virtual := range provides(p.fields) {
		s.provided[virtual.name] = append(s.provided[virtual.name], virtual.version)
	}
}

// satisfy finds what a relation needs: nil when that is chosen, installed or omitted; false when there is none.
func (s selection) satisfy(relation dependency.Relation) (*Package, bool) {
	for _, p := range relation.Possibilities {
		if s.omit[p.Name] || slices.ContainsFunc(s.provided[p.Name], func(v string) bool { return fits(p, v) }) {
			return nil, true
		}
	}
	for _, p := range relation.Possibilities {
		if found, ok := s.index.newest(p); ok && !s.replaces(found) {
			return &found, true
		}
		for _, name := range s.index.byPriority(p.Name) {
			found, ok := s.index.newest(dependency.Possibility{Name: name})
			if ok && !s.replaces(found) && slices.ContainsFunc(provides(found.fields), func(v provision) bool { return v.name == p.Name && fits(p, v.version) }) {
				return &found, true
			}
		}
	}
	return nil, false
}

// fixed are packages of which another version than the installed one cannot be used: programs find their loader, and with it the C library, at
// a fixed place.
var fixed = []string{"libc6", "libc-bin", "base-files"}

// replaces reports whether a package would take the place of another version that must stay: one that is chosen, or of the C library. Next to
// other packages that are installed, a newer version may be: headers want the libraries of exactly their own version.
func (s selection) replaces(p Package) bool {
	_, chosen := s.chosen[p.Name]
	_, there := s.there[p.Name]
	return chosen || there && slices.Contains(fixed, p.Name)
}

// conflict gives an error where a package cannot be in one image with another that is chosen or installed.
func (s selection) conflict(p Package) error {
	for _, field := range []string{"Conflicts", "Breaks"} {
		relations, err := p.relations(field)
		if err != nil {
			return err
		}
		for _, relation := range relations {
			for _, not := range relation.Possibilities {
				for _, all := range []map[string]Package{s.chosen, s.there} {
					other, there := all[not.Name]
					if newer, chosen := s.chosen[not.Name]; there && chosen {
						other = newer
					}
					if there && other.Name != p.Name && fits(not, other.Version) {
						return conflicting(p, other)
					}
				}
			}
		}
	}
	return nil
}

// wanted finds a package by the name that was given, with or without a version.
func (x *Index) wanted(given string) (Package, error) {
	name, version, exact := strings.Cut(given, "=")
	p := dependency.Possibility{Name: name}
	if exact {
		p.Version = &dependency.VersionRelation{Operator: "=", Number: version}
	}
	if found, ok := x.newest(p); ok {
		return found, nil
	}
	if providers := x.byPriority(name); len(providers) == 1 && !exact {
		found, _ := x.newest(dependency.Possibility{Name: providers[0]})
		return found, nil
	}
	return Package{}, x.unknown(name, version)
}

// newest gives the newest version of a package that fits.
func (x *Index) newest(p dependency.Possibility) (best Package, found bool) {
	for _, candidate := range x.packages[p.Name] {
		candidate.Version, candidate.Architecture = candidate.fields.get("Version"), candidate.fields.get("Architecture")
		if fits(p, candidate.Version) && (!found || older(best.Version, candidate.Version)) {
			best, found = candidate, true
		}
	}
	return best, found
}

// byPriority gives the packages that provide a virtual one, the more important first.
func (x *Index) byPriority(virtual string) []string {
	rank := func(name string) int {
		p, _ := x.newest(dependency.Possibility{Name: name})
		return slices.Index([]string{"required", "important", "standard", "optional", "extra", ""}, p.fields.get("Priority"))
	}
	names := slices.Clone(x.providers[virtual])
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b)) })
	return slices.Compact(names)
}

// relations reads a field that names other packages.
func (p Package) relations(field string) ([]dependency.Relation, error) {
	text := p.fields.get(field)
	if text == "" {
		return nil, nil
	}
	parsed, err := dependency.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s of the package %s: %w", field, p.Name, err)
	}
	return parsed.Relations, nil
}

// provision is a virtual package that another provides.
type provision struct{ name, version string }

func provides(fields paragraph) []provision {
	var list []provision
	for part := range strings.SplitSeq(fields.get("Provides"), ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		name, _, _ = strings.Cut(name, ":")
		if name != "" {
			list = append(list, provision{name, strings.Trim(rest, " (=)")})
		}
	}
	return list
}

// fits reports whether a version is one that a relation allows. What is provided without a version fits only a relation without one.
func fits(p dependency.Possibility, found string) bool {
	if p.Version == nil {
		return true
	}
	v, err := version.Parse(found)
	return found != "" && err == nil && p.Version.SatisfiedBy(v)
}

func older(a, b string) bool {
	x, err := version.Parse(a)
	if err != nil {
		return true
	}
	y, err := version.Parse(b)
	return err == nil && version.Compare(x, y) < 0
}

// Has reports whether there is a package of a name, or one package alone that provides it.
func (x *Index) Has(name string) bool {
	return len(x.packages[name]) > 0 || len(x.byPriority(name)) == 1
}

// Named gives the newest versions of packages, as far as the index has them.
func (x *Index) Named(names ...string) Installed {
	var list Installed
	for _, name := range names {
		if p, found := x.newest(dependency.Possibility{Name: name}); found {
			list = append(list, p)
		}
	}
	return list
}
