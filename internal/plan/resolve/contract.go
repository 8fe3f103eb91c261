package resolve

import (
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Contract gives the config contract that the image of an application would have, with what the language needs, and its process types.
func Contract(source app.App, lookup func(string) (string, bool)) (c contract.Contract, processes []string, err error) {
	// Neither the architecture nor the C library changes what a contract says.
	resolved, err := Plan(source, Given{Lookup: lookup}, Target{Arch: "amd64", Libc: "glibc"}, time.Now())
	if err != nil {
		return c, nil, err
	}
	return resolved.Contract, types(resolved.Image.Processes), nil
}

// Declared gives the config contract as far as the application declares it, without a plan: so it can be asked for while it is being
// written. A folder that holds no application is an error.
func Declared(source app.App, lookup func(string) (string, bool)) (contract.Contract, error) {
	a, err := Recognize(source, lookup)
	if err != nil {
		return contract.Contract{}, err
	}
	return declare.Read(source, a.settings.Descriptor)
}
