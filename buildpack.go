// Package gantry holds buildpack.toml, for programs that run without the folder of a packaged buildpack.
package gantry

import _ "embed"

// BuildpackTOML is the text of buildpack.toml.
//
//go:embed buildpack.toml
var BuildpackTOML string
