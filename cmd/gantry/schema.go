package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"

	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/deploy/check"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// runSchema prints a JSON Schema of project.toml, for editors: https://taplo.tamasfe.dev/configuration/directives.html#the-schema-directive.
func runSchema(_ context.Context, arguments []string) (int, error) {
	f := flags("schema")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return check.Fits, encoder.Encode(schema())
}

// schema describes [dev.gantry]; other tables of project.toml belong to others.
func schema() map[string]any {
	table := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": properties}
	}
	properties := settings.Table(nil).Schema()
	maps.Copy(properties, declare.Schema())
	properties["process"] = procfile.Schema()
	own := table(properties)
	own["additionalProperties"] = false
	all := table(map[string]any{"dev": table(map[string]any{"gantry": own})})
	all["$schema"], all["title"] = "https://json-schema.org/draft/2020-12/schema", "project.toml, as Gantry reads it"
	return all
}
