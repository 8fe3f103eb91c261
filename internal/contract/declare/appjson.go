package declare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

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
		v := contract.Variable{Name: name, Required: true}
		var value string
		var object struct {
			Description, Value, Generator string
			Required                      *bool
		}
		switch {
		case !namePattern.MatchString(name):
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: fmt.Sprintf("%q in app.json cannot be a variable's name", name),
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Use letters, digits and underscores."}}
		case json.Unmarshal(file.Env[name], &value) == nil:
			object.Value = value
		case json.Unmarshal(file.Env[name], &object) != nil:
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: "app.json has a variable that is not understood",
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Write an object with description, value and required, or a string."}}
		}
		v.Description, v.Secret = object.Description, object.Generator == "secret"
		if object.Required != nil {
			v.Required = *object.Required
		}
		if object.Value != "" && !v.Secret {
			v.Default, v.Required = &object.Value, false
		}
		list = append(list, v)
	}
	return list, nil
}
