package settings

import "strings"

// Schema gives the forms of the settings in project.toml, as JSON Schema has them (https://json-schema.org/draft/2020-12), by their keys
// below [dev.gantry].
func (known Table) Schema() map[string]any {
	if known == nil {
		known = own()
	}
	properties := map[string]any{}
	for _, d := range known {
		table, key := properties, d.Key
		if group, name, nested := strings.Cut(d.Key, "."); nested {
			inner, ok := properties[group].(map[string]any)
			if !ok {
				inner = map[string]any{"type": "object", "properties": map[string]any{}, "additionalProperties": false}
				properties[group] = inner
			}
			table, key = inner["properties"].(map[string]any), name
		}
		table[key] = d.schema()
	}
	return properties
}

func (d definition) schema() map[string]any {
	schema := map[string]any{"type": "string", "description": d.Description + " (" + d.Name + ")"}
	switch {
	case d.Type == "list":
		schema["type"], schema["items"] = "array", map[string]any{"type": "string", "pattern": "^[^,]*$"}
	case d.Type == "packages":
		schema["type"], schema["items"] = []any{"boolean", "array"}, map[string]any{"type": "string", "pattern": "^[^,]*$"}
	case d.Type == "boolean":
		schema["type"] = "boolean"
	case len(d.Values) > 0:
		delete(schema, "type")
		var values []any
		for _, value := range d.Values {
			values = append(values, value)
			if yes := value == "true"; yes || value == "false" {
				values = append(values, yes)
			}
		}
		schema["enum"] = values
	}
	switch {
	case d.Default != "" && d.Type == "list":
		schema["default"] = strings.Split(d.Default, ",")
	case d.Default != "" && (d.Type == "boolean" || d.Type == "packages"):
		schema["default"] = d.Default == "true"
	case d.Default != "":
		schema["default"] = d.Default
	}
	return schema
}
