package semver_test

import (
	"fmt"

	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Ranges are npm's: https://github.com/npm/node-semver#ranges.
func ExampleParseRange() {
	wanted, err := semver.ParseRange("^22.11 || >=24")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"22.10.0", "22.12.0", "23.1.0", "26.0.0"} {
		version, _ := semver.Parse(text)
		fmt.Println(text, wanted.Matches(version))
	}
	// Output:
	// 22.10.0 false
	// 22.12.0 true
	// 23.1.0 false
	// 26.0.0 true
}
