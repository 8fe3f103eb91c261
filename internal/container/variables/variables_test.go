package variables_test

import (
	"testing"

	"github.com/BurntSushi/toml"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/variables"
)

// buildpack.toml has a configuration for each variable, and none of its defaults is one that a container would not understand.
func TestBuildpackTOML(t *testing.T) {
	g := NewWithT(t)
	var buildpack struct {
		Metadata struct {
			Configurations []struct {
				Name, Description string
				Launch            bool
			}
		}
	}
	_, err := toml.DecodeFile("../../../buildpack.toml", &buildpack)
	g.Expect(err).NotTo(HaveOccurred())
	var listed []string
	for _, c := range buildpack.Metadata.Configurations {
		if c.Launch {
			g.Expect(c.Description).NotTo(BeEmpty(), c.Name)
			listed = append(listed, c.Name)
		}
	}
	g.Expect(listed).To(ConsistOf(variables.Names()), "buildpack.toml, [[metadata.configurations]] with launch = true")
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		known           bool
		expected        string
	}{
		"understood": {variable: "BPL_DIAGNOSTICS", value: "OFF", known: true},
		"empty":      {variable: "BPL_DRAIN_DELAY", known: true},
		"bad":        {variable: "BPL_DEBUG_PORT", value: "0", known: true, expected: "a number from 1 to 65535, or nothing for 9229"},
		"unknown":    {variable: "BPL_OTHER", value: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			expected, known := variables.Check(c.variable, c.value)
			g.Expect(known).To(Equal(c.known))
			if c.expected == "" {
				g.Expect(expected).NotTo(HaveOccurred())
			} else {
				g.Expect(expected).To(MatchError(c.expected))
			}
		})
	}
}
