package fetch

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"
	"github.com/paketo-buildpacks/libpak/v2"
	"github.com/paketo-buildpacks/libpak/v2/log"
)

// Where a file is taken from is what Paketo's libpak chooses, for bindings and variables in all their forms.
func TestMirrorsAsLibpak(t *testing.T) {
	const (
		node = "https://nodejs.org/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"
		bun  = "https://registry.npmjs.org/@oven/bun-linux-x64/-/bun-linux-x64-1.3.9.tgz"
	)
	short, long := strings.Repeat("ab", 32), strings.Repeat("cd", 64)
	binding := func(kind string, secret map[string]string) libcnb.Binding {
		return libcnb.Binding{Name: "b", Type: kind, Secret: secret}
	}
	for name, c := range map[string]struct {
		uri, checksum string
		bindings      libcnb.Bindings
		variables     map[string]string
		want          string
	}{
		"none":                        {uri: node, checksum: "sha256:" + short, want: node},
		"for all":                     {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mirror", map[string]string{"default": "https://mirror.invalid/a"})}, want: "https://mirror.invalid/a/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"for the host":                {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("Dependency-Mirror", map[string]string{"default": "https://other.invalid", "nodejs.org": "file:///none/here"})}, want: "file:///none/here/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"a path that is left out":     {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mirror", map[string]string{"default": "mirror=https://mirror.invalid/a,skip-path=/download/release"})}, want: "https://mirror.invalid/a/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"the host in the path":        {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mirror", map[string]string{"default": "https://mirror.invalid/{originalHost}/a"})}, want: "https://mirror.invalid/nodejs.org/a/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"with a name and a password":  {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mirror", map[string]string{"default": "https://me:xxxxx@mirror.invalid"})}, want: "https://me:xxxxx@mirror.invalid/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"a variable":                  {uri: node, checksum: "sha256:" + short, variables: map[string]string{"BP_DEPENDENCY_MIRROR": "https://mirror.invalid"}, want: "https://mirror.invalid/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"a variable for the host":     {uri: node, checksum: "sha256:" + short, variables: map[string]string{"BP_DEPENDENCY_MIRROR": "https://other.invalid", "BP_DEPENDENCY_MIRROR_NODEJS_ORG": "https://mirror.invalid"}, want: "https://mirror.invalid/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"a variable wins":             {uri: node, checksum: "sha256:" + short, variables: map[string]string{"BP_DEPENDENCY_MIRROR": "https://mirror.invalid"}, bindings: libcnb.Bindings{binding("dependency-mirror", map[string]string{"default": "https://other.invalid"})}, want: "https://mirror.invalid/download/release/v24.18.0/node-v24.18.0-linux-x64.tar.gz"},
		"a package":                   {uri: bun, checksum: "sha512:" + long, variables: map[string]string{"BP_DEPENDENCY_MIRROR_REGISTRY_NPMJS_ORG": "https://mirror.invalid/npm"}, want: "https://mirror.invalid/npm/@oven/bun-linux-x64/-/bun-linux-x64-1.3.9.tgz"},
		"a file by its checksum":      {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mapping", map[string]string{short: "https://mirror.invalid/mine.tgz"})}, want: "https://mirror.invalid/mine.tgz"},
		"with its algorithm":          {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mapping", map[string]string{"sha256:" + short: "https://mirror.invalid/mine.tgz"})}, want: "https://mirror.invalid/mine.tgz"},
		"a package by its checksum":   {uri: bun, checksum: "sha512:" + long, bindings: libcnb.Bindings{binding("dependency-mapping", map[string]string{"sha512:" + long: "https://mirror.invalid/mine.tgz"})}, want: "https://mirror.invalid/mine.tgz"},
		"a file wins over its mirror": {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mapping", map[string]string{short: "https://mirror.invalid/mine.tgz"}), binding("dependency-mirror", map[string]string{"default": "https://other.invalid"})}, want: "https://mirror.invalid/mine.tgz"},
		"another file":                {uri: node, checksum: "sha256:" + short, bindings: libcnb.Bindings{binding("dependency-mapping", map[string]string{strings.Repeat("ef", 32): "https://mirror.invalid/mine.tgz"})}, want: node},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var environ []string
			for key, value := range c.variables {
				t.Setenv(key, value)
				environ = append(environ, key+"="+value)
			}
			var own []Binding
			for _, b := range c.bindings {
				own = append(own, Binding{Name: b.Name, Type: b.Type, Secret: b.Secret})
			}
			mirrors, err := ReadMirrors(environ, own)
			g.Expect(err).NotTo(HaveOccurred())
			_, digits, _ := strings.Cut(c.checksum, ":")
			place, err := mirrors.resolve(File{URL: c.uri}, digits)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(place.String()).To(Equal(c.want))

			// A proxy that nobody runs: what libpak would ask for is in its error.
			t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
			cache, err := libpak.NewDependencyCache("id", "1", t.TempDir(), c.bindings, log.NewPaketoLogger(io.Discard))
			g.Expect(err).NotTo(HaveOccurred())
			cache.DownloadPath = t.TempDir()
			_, err = cache.Artifact(libpak.BuildModuleDependency{ID: "x", URI: c.uri, Checksum: libpak.Checksum(c.checksum)})
			g.Expect(err).To(HaveOccurred())
			asked := regexp.MustCompile(`unable to download (\S+)`).FindStringSubmatch(err.Error())
			g.Expect(asked).To(HaveLen(2), err.Error())
			g.Expect(asked[1]).To(Equal(place.Redacted()))
		})
	}
}
