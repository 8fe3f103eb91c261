package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Versions gives the versions of a package in an npm registry that are not deprecated, in no order that means something:
// https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md.
func Versions(ctx context.Context, client *fetch.Client, registry, name string) ([]string, error) {
	text, err := client.Text(ctx, fetch.File{URL: registry + "/" + name})
	if err != nil {
		return nil, err
	}
	var document struct {
		Versions map[string]struct{ Deprecated any }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, &problem.Problem{
			ID: "runtime/unpublished", Title: "the npm registry's list of the versions of " + name + " is not understood",
			Why: fmt.Sprintf("it is not what npm's registry answers: %v", err), Hints: []string{"Compare with: npm view " + name + " versions"}, Err: err,
		}
	}
	maps.DeleteFunc(document.Versions, func(_ string, v struct{ Deprecated any }) bool {
		return v.Deprecated != nil && v.Deprecated != false && v.Deprecated != ""
	})
	return slices.Sorted(maps.Keys(document.Versions)), nil
}
