package settings_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func TestNothingIsIgnoredInSilence(t *testing.T) {
	const page = "https://github.com/gantry-buildpack/gantry/blob/main/docs/settings.md"
	for name, want := range map[string][]string{
		"BP_NODE_VERSION":                 nil,
		"BP_MRI_VERSION":                  nil,
		"BP_TIMELINE":                     nil,
		"BP_DEPENDENCY_MIRROR_NODEJS_ORG": nil,
		"NODE_ENV":                        nil,
		"BP_NODE_VERSOIN":                 {"BP_NODE_VERSOIN is not a setting of Gantry, and has no effect unless another buildpack of this build reads it. Did you mean BP_NODE_VERSION?"},
		"BP_XYZ":                          {"BP_XYZ is not a setting of Gantry, and has no effect unless another buildpack of this build reads it. The settings are listed at " + page},
		"BPL_DRAIN_DELAY":                 {"BPL_DRAIN_DELAY is read when the container starts, and has no effect on a build: set it where the image is deployed."},
		"BPL_DRIAN_DELAY":                 {"BPL_DRIAN_DELAY is not a setting of Gantry, and has no effect unless another buildpack of this build reads it. Did you mean BPL_DRAIN_DELAY?"},
	} {
		NewWithT(t).Expect(settings.Unheeded([]string{name})).To(Equal(want), name)
	}
}
