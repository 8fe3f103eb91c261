package contract_test

import (
	"fmt"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// A contract is checked against variables, as before a process starts.
func ExampleContract_Check() {
	c := contract.Contract{Variables: []contract.Variable{
		{Name: "DATABASE_URL", Type: "url", Required: true, Secret: true}, {Name: "PORT", Type: "port"},
	}}
	for _, f := range c.Check("web", contract.Environment{Values: map[string]string{"PORT": "http"}}).Findings {
		fmt.Println(f.Name, "|", f.Kind)
	}
	// Output:
	// DATABASE_URL | missing
	// PORT | malformed
}
