package contract

import (
	"encoding/json"
	"regexp"

	"github.com/google/jsonschema-go/jsonschema"
)

// compile reads a JSON Schema. One that refers to other files or addresses is refused: nothing is fetched.
func compile(schema json.RawMessage) (*jsonschema.Resolved, error) {
	var parsed jsonschema.Schema
	if err := json.Unmarshal(schema, &parsed); err != nil {
		return nil, err
	}
	return parsed.Resolve(nil)
}

// CheckSchema says why a text is no JSON Schema.
func CheckSchema(schema json.RawMessage) error {
	_, err := compile(schema)
	return err
}

// againstSchema says which part of a schema a value does not fit, and nothing of the value.
func againstSchema(schema json.RawMessage, value string) string {
	compiled, err := compile(schema)
	if err != nil {
		return "its schema is not understood"
	}
	var document any
	if json.Unmarshal([]byte(value), &document) != nil {
		return "it is not JSON"
	}
	err = compiled.Validate(document)
	if err == nil {
		return ""
	}
	places := regexp.MustCompile(`validating (/[^:]*):`).FindAllStringSubmatch(err.Error(), -1)
	if len(places) == 0 {
		return "it does not fit the schema"
	}
	return "it does not fit the schema at " + places[len(places)-1][1]
}
