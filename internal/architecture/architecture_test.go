// Package architecture holds the directions of imports: knowledge is pure, effects sit at the edges, and what starts
// with every container stays small.
package architecture

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const module = "github.com/gantry-buildpack/gantry/"

func imports(t *testing.T, pkg string) []string {
	out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}

func TestDirections(t *testing.T) {
	effects := []string{module + "internal/build", module + "internal/detect", module + "internal/fetch", module + "internal/run",
		module + "internal/archive", module + "internal/report", "github.com/buildpacks/libcnb/v2", "net/http", "os/exec"}
	for pkg, forbidden := range map[string][]string{
		"internal/plan":     {module + "internal/problem", module + "internal/app"},
		"internal/node":     effects,
		"internal/settings": effects,
		"internal/catalog":  effects,
		"internal/language": effects,
		"internal/fetch":    {"github.com/buildpacks/libcnb/v2", module + "internal/plan"},
		"internal/contract": effects,
		"internal/layer":    {"github.com/buildpacks/libcnb/v2"},
		"cmd/detect":        {module + "internal/fetch", "net/http", "github.com/google/go-containerregistry/pkg/v1"},
		"cmd/launch":        {"net/http", module + "internal/profile", module + "internal/page", "go.yaml.in/yaml/v3", module + "internal/contract/declare", module + "internal/contract/deploy", "github.com/buildpacks/libcnb/v2", "github.com/pelletier/go-toml/v2"},
		"cmd/build":         {"github.com/google/go-containerregistry/pkg/v1", module + "internal/sandbox"},
	} {
		for _, found := range imports(t, pkg) {
			for _, name := range forbidden {
				NewWithT(t).Expect(found).NotTo(Equal(name), pkg+" must not import "+name)
			}
		}
	}
}
