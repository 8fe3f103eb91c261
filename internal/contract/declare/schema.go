package declare

import "github.com/gantry-buildpack/gantry/internal/contract"

// The forms of values, as JSON Schema has them: https://json-schema.org/draft/2020-12.
var (
	aText    = map[string]any{"type": "string"}
	aScalar  = map[string]any{"type": []string{"string", "number", "boolean"}}
	aList    = map[string]any{"type": "array", "items": aScalar}
	aBoolean = map[string]any{"type": "boolean"}
	aNumber  = map[string]any{"type": "number"}
	aLength  = map[string]any{"type": "integer", "minimum": 0}
	allowed  = oneOf([]string{"allowed"})
)

func oneOf(values []string) map[string]any { return map[string]any{"enum": values} }

// Schema gives the forms of [dev.gantry.config], [[dev.gantry.config-group]] and [[dev.gantry.config-rule]] in project.toml, by their keys below [dev.gantry].
func Schema() map[string]any {
	variable, group := map[string]any{}, map[string]any{"processes": aList}
	for key, f := range fields {
		variable[key] = f.form
	}
	for _, kind := range contract.GroupKinds {
		group[kind] = map[string]any{"type": "array", "items": aText, "minItems": 2}
	}
	rule := map[string]any{"rule": map[string]any{"type": "string", "pattern": rulePattern.String()}, "message": aText, "processes": aList}
	return map[string]any{
		"config": map[string]any{
			"type": "object", "propertyNames": map[string]any{"pattern": namePattern.String()},
			"additionalProperties": map[string]any{"type": "object", "properties": variable, "additionalProperties": false},
		},
		"config-group": map[string]any{
			"type": "array", "items": map[string]any{"type": "object", "properties": group, "additionalProperties": false},
		},
		"config-rule": map[string]any{
			"type": "array", "items": map[string]any{"type": "object", "properties": rule, "required": []string{"rule"}, "additionalProperties": false},
		},
	}
}
