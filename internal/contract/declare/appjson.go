package declare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// AppJSON is Heroku's file: https://devcenter.heroku.com/articles/app-json-schema#env.
const AppJSON = "app.json"

// fromAppJSON reads the variables of an app.json.
func fromAppJSON(content []byte) ([]contract.Variable, error) {
	var file struct {
		Env map[string]json.RawMessage `json:"env"`
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, problem.JSON("contract/app-json-invalid", AppJSON, content, err)
	}
	var list []contract.Variable
	for _, name := range slices.Sorted(maps.Keys(file.Env)) {
		var entry appVariable
		switch {
		case !namePattern.MatchString(name):
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: fmt.Sprintf("%q in app.json cannot be a variable's name", name),
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Use letters, digits and underscores."}}
		case json.Unmarshal(file.Env[name], &entry) != nil:
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: "app.json has a variable that is not understood",
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Write an object with description, value and required, or a string."}}
		}
		list = append(list, entry.variable(name))
	}
	return list, nil
}

// appVariable is an entry: an object, or its value alone. Numbers and booleans count as texts, and "false" as false.
type appVariable struct {
	description, value string
	secret             bool
	required           bool
}

// UnmarshalJSON reads both forms.
func (v *appVariable) UnmarshalJSON(text []byte) error {
	*v = appVariable{required: true}
	if value, ok := scalarOf(text); ok {
		v.value = value
		return nil
	}
	var object struct {
		Description, Generator string
		Value, Required        json.RawMessage
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	v.description, v.secret = object.Description, object.Generator == "secret"
	value, known := scalarOf(object.Value)
	required, said := scalarOf(object.Required)
	if !known || !said {
		return errors.New("a text, a number, true or false is expected")
	}
	v.value = value
	if required != "" {
		v.required = required != "false"
	}
	return nil
}

// scalarOf gives a text, number or boolean as an environment has it; nothing and null are empty.
func scalarOf(text []byte) (string, bool) {
	var raw any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if len(text) == 0 || decoder.Decode(&raw) != nil || raw == nil {
		return "", len(text) == 0 || string(text) == "null"
	}
	switch value := raw.(type) {
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case json.Number:
		return value.String(), true
	}
	return "", false
}

// variable is what the entry says. A value is what the form of Heroku is filled with: for a secret, or as a placeholder, it is no default of
// an image that anybody may start.
func (v appVariable) variable(name string) contract.Variable {
	declared := contract.Variable{Name: name, Description: v.description, Required: v.required, Secret: v.secret || contract.SecretName(name)}
	switch {
	case v.value == "" || declared.Secret || contract.HasPassword(v.value):
	case placeholder(v.value):
		declared.Example = v.value
	default:
		declared.Default, declared.Required = &v.value, false
	}
	return declared
}
