package settings_test

import (
	"os"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/pelletier/go-toml/v2"

	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// What buildpack.toml tells platforms of the settings must be what is read.
func TestBuildpackTOMLListsTheSettings(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../../../buildpack.toml")
	g.Expect(err).NotTo(HaveOccurred())
	var buildpack struct {
		Metadata struct {
			Configurations []struct{ Name, Default, Description string }
		}
	}
	g.Expect(toml.Unmarshal(text, &buildpack)).To(Succeed())
	listed := map[string]string{}
	for _, c := range buildpack.Metadata.Configurations {
		g.Expect(c.Description).NotTo(BeEmpty(), c.Name)
		listed[c.Name] = c.Default
	}
	// Read by package fetch: its names are open-ended.
	delete(listed, "BP_DEPENDENCY_MIRROR")
	g.Expect(listed).To(Equal(settings.Defaults()))
}
