package declare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// field is a key of a variable: its form, as JSON Schema has it, and how it is read; the result is why a value is not understood.
type field struct {
	form map[string]any
	read func(v *contract.Variable, raw any) (why string)
}

var fields = map[string]field{
	"description":  {aText, func(v *contract.Variable, raw any) string { return text(&v.Description, raw) }},
	"message":      {aText, func(v *contract.Variable, raw any) string { return text(&v.Message, raw) }},
	"deprecated":   {aText, func(v *contract.Variable, raw any) string { return text(&v.Deprecated, raw) }},
	"example":      {aScalar, func(v *contract.Variable, raw any) string { return scalar(&v.Example, raw) }},
	"pattern":      {aText, func(v *contract.Variable, raw any) string { return text(&v.Pattern, raw) }},
	"separator":    {aText, func(v *contract.Variable, raw any) string { return text(&v.Separator, raw) }},
	"binding":      {aText, func(v *contract.Variable, raw any) string { return text(&v.Binding, raw) }},
	"schemes":      {aList, func(v *contract.Variable, raw any) string { return texts(&v.Schemes, raw) }},
	"values":       {aList, func(v *contract.Variable, raw any) string { return texts(&v.Values, raw) }},
	"processes":    {aList, func(v *contract.Variable, raw any) string { return texts(&v.Processes, raw) }},
	"renamed-from": {aList, func(v *contract.Variable, raw any) string { return texts(&v.RenamedFrom, raw) }},
	"secret":       {aBoolean, func(v *contract.Variable, raw any) string { return boolean(&v.Secret, raw) }},
	"required":     {aBoolean, func(v *contract.Variable, raw any) string { return boolean(&v.Required, raw) }},
	"must-exist":   {aBoolean, func(v *contract.Variable, raw any) string { return boolean(&v.MustExist, raw) }},
	"empty":        {allowed, func(v *contract.Variable, raw any) string { return permission(&v.EmptyAllowed, raw) }},
	"non-finite":   {allowed, func(v *contract.Variable, raw any) string { return permission(&v.NonFinite, raw) }},
	"min":          {aNumber, func(v *contract.Variable, raw any) string { return number(&v.Min, raw) }},
	"max":          {aNumber, func(v *contract.Variable, raw any) string { return number(&v.Max, raw) }},
	"min-length":   {aLength, func(v *contract.Variable, raw any) string { return length(&v.MinLength, raw) }},
	"max-length":   {aLength, func(v *contract.Variable, raw any) string { return length(&v.MaxLength, raw) }},
	"type":         {oneOf(contract.Types), func(v *contract.Variable, raw any) string { return choice(&v.Type, raw, contract.Types) }},
	"of":           {oneOf(ofTypes), func(v *contract.Variable, raw any) string { return choice(&v.Of, raw, ofTypes) }},
	"phase":        {oneOf(contract.Phases), func(v *contract.Variable, raw any) string { return choice(&v.Phase, raw, contract.Phases) }},
	"required-if": {map[string]any{"anyOf": []any{aText, aList}}, func(v *contract.Variable, raw any) string {
		if one, ok := raw.(string); ok {
			raw = []any{one}
		}
		return texts((*[]string)(&v.RequiredIf), raw)
	}},
	"schema": {map[string]any{"anyOf": []any{aText, map[string]any{"type": "object"}}}, func(v *contract.Variable, raw any) string {
		switch raw.(type) {
		case string, map[string]any:
		default:
			return "a table, or the path of a file, is expected"
		}
		text, err := json.Marshal(raw)
		if err != nil {
			return "it cannot be written as JSON"
		}
		v.Schema = text
		return ""
	}},
	"default": {aScalar, func(v *contract.Variable, raw any) string {
		value := ""
		why := scalar(&value, raw)
		v.Default = &value
		return why
	}},
}

// ofTypes are the types of a list's entries.
var ofTypes = slices.DeleteFunc(slices.Clone(contract.Types), func(name string) bool { return name == "list" || name == "json" })

func choice(target *string, raw any, names []string) string {
	if why := text(target, raw); why != "" || slices.Contains(names, *target) {
		return why
	}
	return fmt.Sprintf("%q is none of %s", *target, strings.Join(names, ", "))
}

func permission(target *bool, raw any) string {
	if raw != "allowed" {
		return `"allowed" is expected`
	}
	*target = true
	return ""
}
