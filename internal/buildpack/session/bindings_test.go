package session

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// binding is a service binding with one file, in a folder as platforms make it.
func binding(t *testing.T, name, kind, file, content string) libcnb.Binding {
	dir := t.TempDir()
	NewWithT(t).Expect(os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600)).To(Succeed())
	return libcnb.Binding{Name: name, Type: kind, Path: dir, Secret: map[string]string{file: content}}
}

func open(t *testing.T, list ...libcnb.Binding) (s Session, log string) {
	var out bytes.Buffer
	toolchains := []plan.Toolchain{{Language: "toy", HomeFiles: map[string]string{"npmrc": ".npmrc", "pnpmrc": ".config/pnpm/rc"}}}
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
			want: "  Warning: There are 2 service bindings of type npmrc: one is used.\n\n",
		},
		"of another buildpack": {list: []libcnb.Binding{binding(t, "jdk", "maven", "settings.xml", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			_, log := open(t, c.list...)
			NewWithT(t).Expect(log).To(Equal(c.want))
		})
	}
}
