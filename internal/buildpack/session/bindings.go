package session

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/buildpacks/libcnb/v2"
	"github.com/paketo-buildpacks/libpak/v2/bindings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
)

// Types of service bindings that every language has: https://paketo.io/docs/howto/configuration/#bindings. Those whose files tools
// look for in the home folder are in the plan.
const (
	caBinding      = "ca-certificates"
	mirrorBinding  = "dependency-mirror"
	mappingBinding = "dependency-mapping"
)

// serviceBindings are those of a build. Types are compared without regard to case, as the specification says:
// https://servicebinding.io/spec/core/1.1.0/#workload-projection.
type serviceBindings struct {
	all libcnb.Bindings
	// files are the files in the home folder, by the types of the bindings that hold them.
	files map[string]string
}

func (s serviceBindings) ofType(kind string) libcnb.Bindings {
	return bindings.Resolve(s.all, bindings.OfType(kind))
}

// known are the types that Gantry knows.
func (s serviceBindings) known() []string {
	return append(slices.Sorted(maps.Keys(s.files)), caBinding, mirrorBinding, mappingBinding)
}

// mostMistyped is how many letters a misspelled type may differ in.
const mostMistyped = 2

// warn tells of bindings that are not honoured: one whose type is almost one of Gantry's, and a second one for the same file.
// Others belong to other buildpacks.
func (s serviceBindings) warn(log *buildlog.Log) {
	known := s.known()
	for _, b := range s.all {
		if slices.ContainsFunc(known, func(kind string) bool { return strings.EqualFold(kind, b.Type) }) {
			continue
		}
		for _, kind := range known {
			if levenshtein.Distance(strings.ToLower(b.Type), kind, nil) <= mostMistyped {
				log.Warning(fmt.Sprintf("The service binding %s has the type %s, which is not one of Gantry's: is it meant to be %s? It is not used.", b.Name, b.Type, kind))
				break
			}
		}
	}
	for _, file := range s.homeFiles() {
		if same := s.of(file); len(same) > 1 {
			log.Warning(fmt.Sprintf("There are %d service bindings that hold %s: %s is used.", len(same), path.Base(file), same[0].Name))
		}
	}
}

// homeFiles are the files in the home folder that bindings may hold.
func (s serviceBindings) homeFiles() []string {
	return slices.Compact(slices.Sorted(maps.Values(s.files)))
}

// of gives the bindings that hold a file of the home folder; the first counts.
func (s serviceBindings) of(file string) (list libcnb.Bindings) {
	for _, kind := range slices.Sorted(maps.Keys(s.files)) {
		if s.files[kind] == file {
			list = append(list, s.ofType(kind)...)
		}
	}
	return list
}

// certificates are those that are to be trusted, one below the other.
func (s serviceBindings) certificates() (text []byte) {
	for _, b := range s.ofType(caBinding) {
		for _, key := range slices.Sorted(maps.Keys(b.Secret)) {
			text = append(append(text, b.Secret[key]...), '\n')
		}
	}
	return text
}

// mirrors are the bindings that say where downloads come from.
func (s serviceBindings) mirrors() (list []fetch.Binding) {
	for _, kind := range []string{mirrorBinding, mappingBinding} {
		for _, b := range s.ofType(kind) {
			list = append(list, fetch.Binding{Name: b.Name, Type: kind, Secret: b.Secret})
		}
	}
	return list
}
