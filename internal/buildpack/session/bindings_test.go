package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// binding is a service binding with one file, in a folder as platforms make it.
func binding(t *testing.T, name, kind, file, content string) libcnb.Binding {
	dir := t.TempDir()
	NewWithT(t).Expect(os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600)).To(Succeed())
	return libcnb.Binding{Name: name, Type: kind, Path: dir, Secret: map[string]string{file: content}}
}

func open(t *testing.T, list ...libcnb.Binding) (s Session, log string) {
	var out bytes.Buffer
	toolchains := []plan.Toolchain{{Language: "toy", HomeFiles: map[string]string{"npmrc": ".npmrc", "pnpmrc": ".config/pnpm/rc", "pnpm": ".config/pnpm/rc"}}}
	s, err := Open(libcnb.BuildContext{Platform: libcnb.Platform{Bindings: list}}, []string{"HOME=" + t.TempDir()}, toolchains, buildlog.New(&out, false))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { NewWithT(t).Expect(s.Close()).To(Succeed()) })
	return s, out.String()
}

// What bindings hold is in the home folder, whatever the case of their types; those of others are passed over.
func TestBindings(t *testing.T) {
	g := NewWithT(t)
	s, log := open(t, binding(t, "registry", "NPMRC", ".npmrc", "a=1"), binding(t, "database", "postgresql", "uri", "postgres://x"))
	g.Expect(log).To(BeEmpty())
	home := s.Variables()["HOME"]
	g.Expect(os.ReadFile(filepath.Join(home, ".npmrc"))).To(BeEquivalentTo("a=1"))
	g.Expect(s.Close()).To(Succeed())
	g.Expect(home).NotTo(BeAnExistingFile())
}

// A type that is almost one of Gantry's, and a second binding for the same file, get one line each.
func TestBindingsThatAreNotUsed(t *testing.T) {
	for name, c := range map[string]struct {
		list []libcnb.Binding
		want string
	}{
		"misspelled": {
			list: []libcnb.Binding{binding(t, "certs", "ca-certificate", "a.pem", "x")},
			want: "  Warning: The service binding certs has the type ca-certificate, which is not one of Gantry's: is it\n  meant to be ca-certificates? It is not used.\n\n",
		},
		"twice": {
			list: []libcnb.Binding{binding(t, "one", "npmrc", ".npmrc", "a=1"), binding(t, "two", "npmrc", ".npmrc", "a=2")},
			want: "  Warning: There are 2 service bindings that hold .npmrc: one is used.\n\n",
		},
		"twice, by two names": {
			list: []libcnb.Binding{binding(t, "two", "PNPMRC", "rc", "a=2"), binding(t, "one", "pnpm", "rc", "a=1")},
			want: "  Warning: There are 2 service bindings that hold rc: one is used.\n\n",
		},
		"of another buildpack": {list: []libcnb.Binding{binding(t, "jdk", "maven", "settings.xml", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			_, log := open(t, c.list...)
			NewWithT(t).Expect(log).To(Equal(c.want))
		})
	}
}

// projected writes a binding as Kubernetes, and so kpack, projects a Secret: https://kubernetes.io/docs/concepts/storage/projected-volumes/.
// The files are links through a folder that is exchanged as a whole.
func projected(g *WithT, dir string, files map[string]string) {
	data := filepath.Join(dir, "..2026_11_28_00_00_00.1")
	g.Expect(os.MkdirAll(data, 0o755)).To(Succeed())
	g.Expect(os.Symlink(filepath.Base(data), filepath.Join(dir, "..data"))).To(Succeed())
	for name, content := range files {
		g.Expect(os.WriteFile(filepath.Join(data, name), []byte(content), 0o644)).To(Succeed())
		g.Expect(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name))).To(Succeed())
	}
}

func plain(g *WithT, dir string, files map[string]string) {
	g.Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
	for name, content := range files {
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)).To(Succeed())
	}
}

// Every type of binding is found by libcnb and used, as files of a platform and as a Secret that Kubernetes projects, whose keys may not
// begin with a dot in older clusters.
func TestEveryTypeInEveryLayout(t *testing.T) {
	files := map[string]string{}
	for _, releases := range [][]plan.Toolchain{toolchains(t, map[string]string{"package.json": `{"scripts": {"start": "node x"}}`, "x": ""}), toolchains(t, map[string]string{"Gemfile": "", "Gemfile.lock": "", "Procfile": "web: ruby x"})} {
		maps.Copy(files, releases[0].HomeFiles)
	}
	NewWithT(t).Expect(slices.Sorted(maps.Keys(files))).To(Equal([]string{
		"bundle", "bundle-config", "bunfig", "gem-credentials", "gemrc", "npm-registry", "npmrc", "pnpm", "pnpmrc", "yarnrc",
	}))
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) }))
	t.Cleanup(mirror.Close)
	for layout, write := range map[string]func(*WithT, string, map[string]string){"plain": plain, "projected": projected} {
		for kind, name := range files {
			for _, key := range []string{filepath.Base(name), strings.TrimPrefix(filepath.Base(name), ".")} {
				t.Run(layout+"/"+kind+"/"+key, func(t *testing.T) {
					g := NewWithT(t)
					root := t.TempDir()
					write(g, filepath.Join(root, "mine"), map[string]string{"type": kind, key: "canary\n"})
					list, err := libcnb.NewBindingsFromPath(root)
					g.Expect(err).NotTo(HaveOccurred())
					s, err := Open(libcnb.BuildContext{Platform: libcnb.Platform{Bindings: list}}, []string{"HOME=" + t.TempDir()}, []plan.Toolchain{{HomeFiles: files}}, buildlog.New(&bytes.Buffer{}, false))
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(os.ReadFile(filepath.Join(s.Variables()["HOME"], name))).To(BeEquivalentTo("canary\n"))
					g.Expect(s.Close()).To(Succeed())
				})
			}
		}
		t.Run(layout+"/mirrors", func(t *testing.T) {
			g := NewWithT(t)
			root := t.TempDir()
			write(g, filepath.Join(root, "a"), map[string]string{"type": "Dependency-Mirror", "nodejs.org": mirror.URL + "/node"})
			write(g, filepath.Join(root, "b"), map[string]string{"type": "dependency-mapping", digest("/file"): mirror.URL + "/file"})
			write(g, filepath.Join(root, "c"), map[string]string{"type": "ca-certificates", "ca.pem": "no certificate"})
			list, err := libcnb.NewBindingsFromPath(root)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = NewClient(libcnb.BuildContext{Platform: libcnb.Platform{Bindings: list}}, nil, buildlog.New(&bytes.Buffer{}, false))
			g.Expect(err).To(MatchError(HaveSuffix("[bindings/certificates-invalid]")))
			client, err := NewClient(libcnb.BuildContext{Platform: libcnb.Platform{Bindings: list[:2]}}, nil, buildlog.New(&bytes.Buffer{}, false))
			g.Expect(err).NotTo(HaveOccurred())
			for name, url := range map[string]string{"/node/dist/x": "https://nodejs.org/dist/x", "/file": "https://elsewhere.example/y"} {
				text, err := client.Text(t.Context(), fetch.File{URL: url, Checksum: "sha256:" + digest(name)})
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(string(text)).To(Equal(name))
			}
		})
	}
}

// digest is the SHA-256 of what the mirror answers to a path: the path.
func digest(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:])
}

// toolchains are those that an application gets.
func toolchains(t *testing.T, files map[string]string) []plan.Toolchain {
	source := fstest.MapFS{}
	for name, content := range files {
		source[name] = &fstest.MapFile{Data: []byte(content)}
	}
	resolved, err := resolve.Plan(app.App{FS: source}, resolve.Given{Lookup: func(string) (string, bool) { return "", false }}, resolve.Target{Arch: "amd64", Libc: "glibc"}, time.Now())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return resolved.Toolchains
}
