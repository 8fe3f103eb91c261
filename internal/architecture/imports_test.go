// Package architecture holds the directions of imports: knowledge is pure, effects sit at the edges, and what starts
// with every container stays small. docs/architecture.md explains the rooms.
package architecture

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const (
	module  = "github.com/gantry-buildpack/gantry/"
	libcnb  = "github.com/buildpacks/libcnb/v2"
	yaml    = "go.yaml.in/yaml/v3"
	goToml  = "github.com/pelletier/go-toml/v2"
	imageV1 = "github.com/google/go-containerregistry/pkg/v1"
	libpak  = "github.com/paketo-buildpacks/libpak/v2/bindings"
)

// room is a folder of internal, and what its packages may import.
type room struct {
	// may are the folders of internal from which its packages may import, besides their own room.
	may []string
	// never are packages that none of its packages may reach, not even through others.
	never []string
}

// rooms has a rule for each folder of internal. A package below one may import what its room may.
var rooms = map[string]room{
	"architecture": {},
	// What everybody reads, and what tells people.
	"problem": {may: []string{"source/lazyregexp"}, never: []string{libcnb, "net/http"}},
	"source":  {may: []string{"problem"}, never: []string{libcnb, "net/http", "os/exec"}},
	// What is declared and decided: no effects.
	"contract": {may: []string{"problem", "source"}, never: []string{libcnb, "net/http", "os/exec"}},
	"plan":     {may: []string{"problem", "source", "contract", "container/agent", "container/site", "container/variables"}, never: []string{libcnb, "net/http", "os/exec"}},
	// What is done.
	"install":   {may: []string{"problem", "source", "plan"}, never: []string{libcnb}},
	"buildpack": {may: []string{"problem", "source", "contract", "plan", "install", "container/fileserver", "container/launch", "container/crash", "container/sharedlib", "container/site"}},
	// What is in the image, and what looks at it.
	"container": {may: []string{"problem", "source/lazyregexp", "contract"}, never: []string{libcnb}},
	"inspect":   {may: []string{"problem", "source/lazyregexp", "contract", "container"}, never: []string{libcnb}},
	"platform":  {may: []string{"problem", "install/archive", "install/debian", "install/fetch", "buildpack/buildlog", "buildpack/sbom"}, never: []string{libcnb}},
	"deploy":    {may: []string{"problem", "source", "contract", "plan", "platform/oci"}, never: []string{libcnb}},
}

// programs are those of cmd, and what they must not be linked with: a container's start and a build's detection take
// milliseconds.
var programs = map[string][]string{
	"build":  {imageV1, module + "internal/platform/sandbox"},
	"detect": {libpak, module + "internal/install/fetch", "net/http", imageV1},
	"launch": {libpak, "net/http", module + "internal/inspect/profile", module + "internal/inspect/htmlreport", yaml, module + "internal/contract/declare", module + "internal/deploy/manifests", libcnb, goToml},
}

// list gives what go list prints of packages.
func list(t *testing.T, arguments ...string) []string {
	out, err := exec.Command("go", append([]string{"list"}, arguments...)...).Output()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return strings.Fields(string(out))
}

func TestEveryRoomHasARule(t *testing.T) {
	g := NewWithT(t)
	entries, err := os.ReadDir("..")
	g.Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		g.Expect(rooms).To(HaveKey(entry.Name()), "internal/"+entry.Name()+" has no rule in internal/architecture/imports_test.go")
	}
	g.Expect(rooms).To(HaveLen(len(entries)))
}

func TestWhoImportsWhom(t *testing.T) {
	for _, line := range list(t, "-f", `{{.ImportPath}}:{{join .Imports ","}}`, module+"internal/...") {
		pkg, imports, _ := strings.Cut(line, ":")
		pkg = strings.TrimPrefix(pkg, module+"internal/")
		own, _, _ := strings.Cut(pkg, "/")
		for name := range strings.SplitSeq(imports, ",") {
			imported, ours := strings.CutPrefix(name, module+"internal/")
			if !ours || strings.HasPrefix(imported+"/", own+"/") {
				continue
			}
			allowed := slices.ContainsFunc(rooms[own].may, func(folder string) bool { return strings.HasPrefix(imported+"/", folder+"/") })
			NewWithT(t).Expect(allowed).To(BeTrue(), "internal/"+pkg+" must not import internal/"+imported)
		}
	}
}

func TestWhatIsNeverReached(t *testing.T) {
	for name, r := range rooms {
		if len(r.never) == 0 {
			continue
		}
		for _, found := range list(t, "-deps", module+"internal/"+name+"/...") {
			NewWithT(t).Expect(r.never).NotTo(ContainElement(found), "internal/"+name+" must not reach "+found)
		}
	}
	for name, never := range programs {
		for _, found := range list(t, "-deps", module+"cmd/"+name) {
			NewWithT(t).Expect(never).NotTo(ContainElement(found), "cmd/"+name+" must not be linked with "+found)
		}
	}
}
