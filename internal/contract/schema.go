package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile reads a JSON Schema. One that refers to other files or addresses is refused: nothing is fetched.
func compile(schema json.RawMessage) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(jsonschema.SchemeURLLoader{})
	if err := compiler.AddResource("schema.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("schema.json")
}

// CheckSchema says why a text is no JSON Schema.
func CheckSchema(schema json.RawMessage) error {
	_, err := compile(schema)
	return err
}

// againstSchema says where a value does not fit a schema: the place of the first mistake, and nothing of what stands there.
func againstSchema(schema json.RawMessage, value string) string {
	compiled, err := compile(schema)
	if err != nil {
		return "its schema is not understood"
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
	if err != nil {
		return "it is not JSON"
	}
	found, wrong := errors.AsType[*jsonschema.ValidationError](compiled.Validate(document))
	if !wrong {
		return ""
	}
	for len(found.Causes) > 0 {
		found = found.Causes[0]
	}
	place := "/" + strings.Join(found.InstanceLocation, "/")
	if rule := found.ErrorKind.KeywordPath(); len(rule) > 0 {
		return fmt.Sprintf("what stands at %s breaks the rule %s", place, rule[len(rule)-1])
	}
	return "what stands at " + place + " does not fit"
}
