package contract_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// Two contracts of the size of the largest public ones are compared while somebody waits.
func TestDiffOfLargeContracts(t *testing.T) {
	var older, newer contract.Contract
	for i := range 240 {
		v := contract.Variable{Name: fmt.Sprintf("VARIABLE_%d", i), Type: contract.Types[i%len(contract.Types)], Required: i%3 == 0}
		if i%7 == 0 {
			v.Type, v.Pattern, v.Processes = "", "[a-z0-9]{2,40}", []string{fmt.Sprintf("process%d", i%4)}
		}
		older.Variables = append(older.Variables, v)
		if i%10 == 0 {
			v.Required = true
		}
		newer.Variables = append(newer.Variables, v)
	}
	start := time.Now()
	changes := contract.Diff(older, newer)
	t.Logf("%d changes in %s", len(changes), time.Since(start))
	NewWithT(t).Expect(changes).To(HaveLen(16))
}
