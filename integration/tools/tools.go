//go:build tools

// Package tools pins the programs that tests and packaging use. They have a module of their own, so that the
// product's stays small.
package tools

import (
	_ "github.com/buildpacks/lifecycle/cmd/launcher"
	_ "github.com/buildpacks/lifecycle/cmd/lifecycle"
	_ "github.com/buildpacks/pack"
)
