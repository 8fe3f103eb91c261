package sharedlib_test

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
)

func TestPackage(t *testing.T) {
	for name, want := range map[string]string{
		"libyaml-0.so.2": "libyaml-0-2", "libffi.so.8": "libffi8", "libssl.so.3": "libssl3", "libpq.so.5": "libpq5", "libsqlite3.so.0": "libsqlite3-0",
		"libxml2.so.2": "libxml2", "libmariadb.so.3": "libmariadb3", "libMagickWand-6.Q16.so.6": "libmagickwand-6.q16-6", "libvips.so.42": "libvips42", "libgmp.so.10": "libgmp10",
	} {
		NewWithT(t).Expect(sharedlib.Package(name)).To(Equal(want))
	}
}

func TestMissing(t *testing.T) {
	g := NewWithT(t)
	layers, root := t.TempDir(), t.TempDir()
	for layer, list := range map[string]sharedlib.List{
		"gems": {"libpq.so.5": {"pg"}, "libyaml-0.so.2": {"z", "a"}}, "ruby": {"libyaml-0.so.2": {"Ruby"}, "libz.so.1": {"Ruby"}}, "none": {},
	} {
		g.Expect(os.Mkdir(filepath.Join(layers, layer), 0o755)).To(Succeed())
		g.Expect(list.Write(filepath.Join(layers, layer))).To(Succeed())
	}
	for _, file := range []string{"usr/lib/x86_64-linux-gnu/libz.so.1", "opt/lib/libpq.so.5"} {
		g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(root, file), nil, 0o644)).To(Succeed())
	}
	all, err := sharedlib.Read(layers)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(all["libyaml-0.so.2"]).To(Equal([]string{"a", "z", "Ruby"}))
	yaml := sharedlib.MissingLibrary{Library: "libyaml-0.so.2", Users: []string{"a", "z", "Ruby"}}
	g.Expect(all.Missing(root, "")).To(Equal([]sharedlib.MissingLibrary{{Library: "libpq.so.5", Users: []string{"pg"}}, yaml}))
	g.Expect(all.Missing(root, "/opt/lib")).To(Equal([]sharedlib.MissingLibrary{yaml}))
	g.Expect(all.Libraries()).To(Equal(3))
	g.Expect(sharedlib.Find(root, "/opt/lib", "libpq.so.5")).To(Equal(filepath.Join(root, "opt/lib/libpq.so.5")))
	g.Expect(sharedlib.Find(root, "", "libpq.so.5")).To(BeEmpty())
}

// A library that is there may be older than the one that a program was linked with.
func TestMissingVersions(t *testing.T) {
	g := NewWithT(t)
	own, none := sharedlib.List{}, sharedlib.List{}
	for _, version := range versions(t, "libc.so.6") {
		own.Add("libc.so.6", version, "json")
	}
	g.Expect(len(own)).To(BeNumerically(">", 10))
	g.Expect(own.Missing("/", "")).To(BeEmpty())
	g.Expect(own.Libraries()).To(Equal(1))

	newer := sharedlib.List{}
	newer.Add("libc.so.6", "", "sass")
	newer.Add("libc.so.6", "GLIBC_9.99", "sass")
	newer.Add("libc.so.6", "GLIBC_9.99", "sass")
	want := sharedlib.MissingLibrary{Library: "libc.so.6", Version: "GLIBC_9.99", Users: []string{"sass"}}
	g.Expect(newer.Missing("/", "")).To(Equal([]sharedlib.MissingLibrary{want}))
	g.Expect(want.What() + " is needed; " + want.Source()).To(Equal("GLIBC_9.99 of libc.so.6 is needed; a newer release of the distribution has it"))

	none.Add("libnone.so.1", "", "pg")
	none.Add("libnone.so.1", "NONE_1", "pg")
	g.Expect(none.Missing("/", "")).To(Equal([]sharedlib.MissingLibrary{{Library: "libnone.so.1", Users: []string{"pg"}}}), "a missing library is named once")

	newer.Drop(func(name string) bool { return name == "libc.so.6" })
	g.Expect(newer).To(BeEmpty())
}

// The loader takes a library without versions, and so does the check one that it cannot read.
func TestVersionsOfOtherFiles(t *testing.T) {
	g := NewWithT(t)
	root := t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(root, "lib"), 0o755)).To(Succeed())
	for _, content := range [][]byte{nil, []byte("text"), []byte("\x7fELF\x02\x01 and no more"), slices.Concat([]byte("\x7fELF\x02\x01"), slices.Repeat([]byte{0xff}, 200))} {
		g.Expect(os.WriteFile(filepath.Join(root, "lib/libodd.so.1"), content, 0o644)).To(Succeed())
		list := sharedlib.List{}
		list.Add("libodd.so.1", "ODD_1", "odd")
		g.Expect(list.Missing(root, "")).To(BeEmpty())
	}
}

// versions are those that the standard library finds in a library of this machine.
func versions(t *testing.T, name string) (list []string) {
	g := NewWithT(t)
	found, err := filepath.Glob("/lib/*-linux-gnu/" + name)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).NotTo(BeEmpty())
	f, err := elf.Open(found[0])
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = f.Close() }()
	all, err := f.DynamicVersions()
	g.Expect(err).NotTo(HaveOccurred())
	for _, v := range all {
		list = append(list, v.Name)
	}
	return list
}

// Damaged libraries of a run image never end a start.
func FuzzMissing(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01"))
	if found, _ := filepath.Glob("/lib/*-linux-gnu/libdl.so.2"); len(found) > 0 {
		if content, err := os.ReadFile(found[0]); err == nil {
			f.Add(content)
		}
	}
	root := f.TempDir()
	if err := os.Mkdir(filepath.Join(root, "lib"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		name := fmt.Sprintf("lib%d.so.1", os.Getpid())
		if err := os.WriteFile(filepath.Join(root, "lib", name), content, 0o644); err != nil {
			t.Fatal(err)
		}
		sharedlib.List{name + "(A_1)": {"a"}}.Missing(root, "")
	})
}
