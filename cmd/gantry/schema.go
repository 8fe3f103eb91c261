package main

import (
	"encoding/json"
	"maps"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// schemaCommand prints a JSON Schema of project.toml, for editors: https://taplo.tamasfe.dev/configuration/directives.html#the-schema-directive.
func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print a JSON Schema of project.toml, for editors", GroupID: "build", Args: arguments(0, 0, "no words"),
		Long: `Prints a JSON Schema of project.toml, as Gantry reads it. An editor that knows taplo (Even Better TOML) completes and checks by it, when the
first line of project.toml names the file:

  #:schema ./gantry.schema.json`,
		Example: "  gantry schema > gantry.schema.json",
		RunE: func(c *cobra.Command, _ []string) error {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(schema())
		},
	}
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
