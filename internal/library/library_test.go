package library_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/library"
)

func TestPackage(t *testing.T) {
	for name, want := range map[string]string{
		"libyaml-0.so.2": "libyaml-0-2", "libffi.so.8": "libffi8", "libssl.so.3": "libssl3", "libpq.so.5": "libpq5", "libsqlite3.so.0": "libsqlite3-0",
		"libxml2.so.2": "libxml2", "libmariadb.so.3": "libmariadb3", "libMagickWand-6.Q16.so.6": "libmagickwand-6.q16-6", "libvips.so.42": "libvips42", "libgmp.so.10": "libgmp10",
	} {
		NewWithT(t).Expect(library.Package(name)).To(Equal(want))
	}
}

func TestMissing(t *testing.T) {
	g := NewWithT(t)
	layers, root := t.TempDir(), t.TempDir()
	for layer, list := range map[string]library.List{
		"gems": {"libpq.so.5": {"pg"}, "libyaml-0.so.2": {"z", "a"}}, "ruby": {"libyaml-0.so.2": {"Ruby"}, "libz.so.1": {"Ruby"}}, "none": {},
	} {
		g.Expect(os.Mkdir(filepath.Join(layers, layer), 0o755)).To(Succeed())
		g.Expect(list.Write(filepath.Join(layers, layer))).To(Succeed())
	}
	for _, file := range []string{"usr/lib/x86_64-linux-gnu/libz.so.1", "opt/lib/libpq.so.5"} {
		g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(root, file), nil, 0o644)).To(Succeed())
	}
	all, err := library.Read(layers)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all["libyaml-0.so.2"]).To(Equal([]string{"a", "z", "Ruby"}))
	g.Expect(all.Missing(root, "")).To(Equal([]string{"libpq.so.5", "libyaml-0.so.2"}))
	g.Expect(all.Missing(root, "/opt/lib")).To(Equal([]string{"libyaml-0.so.2"}))
}
