package debian

import (
	"archive/tar"
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func linkOf(name, target string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

// overlaid unpacks one package.
func overlaid(t *testing.T, postinst string, files ...*tar.Header) string {
	g, dir := NewWithT(t), t.TempDir()
	name := filepath.Join(t.TempDir(), "x.deb")
	g.Expect(os.WriteFile(name, debOf(t, postinst, files...), 0o644)).To(Succeed())
	g.Expect(Overlay(context.Background(), []Package{{Name: "x"}}, []string{name}, dir)).To(Succeed())
	return dir
}

// Packages work in a folder that is not the root of the file system: links lead to what is in it, files name places in it.
func TestOverlay(t *testing.T) {
	g := NewWithT(t)
	program := fileOf("./bin/tool-1", "program")
	program.Mode = 0o4755
	script, other := fileOf("./usr/bin/script", "#! /usr/bin/tool-1 -w\nx\n"), fileOf("./usr/bin/other", "#!/usr/bin/env perl\n")
	script.Mode, other.Mode = 0o755, 0o755
	dir := overlaid(t, "update-alternatives --install /usr/bin/tool tool /usr/bin/tool-1 10", program, script, other,
		fileOf("./lib/x86_64-linux-gnu/libx.so.1.2", "library"), linkOf("./usr/lib/x86_64-linux-gnu/libx.so", "/lib/x86_64-linux-gnu/libx.so.1.2"),
		linkOf("./usr/lib/x86_64-linux-gnu/libx.so.1", "libx.so.1.2"), linkOf("./usr/lib/elsewhere", "/etc/of-the-image"), linkOf("./usr/out", "../../../outside"),
		fileOf("./usr/lib/x86_64-linux-gnu/pkgconfig/x.pc", "prefix=/usr\nlibdir=${prefix}/lib\n"), fileOf("./etc/fonts/fonts.conf", "<dir>/usr/share/fonts</dir>"),
		fileOf("./usr/share/doc/x/changelog.gz", "changes"), fileOf("./usr/share/doc/x/copyright", "licence"), fileOf("./usr/share/man/man1/tool.1", "manual"),
	)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		g.Expect(err).NotTo(HaveOccurred(), name)
		return string(text)
	}
	target := func(name string) string {
		text, err := os.Readlink(filepath.Join(dir, name))
		g.Expect(err).NotTo(HaveOccurred())
		return text
	}
	g.Expect(read("usr/bin/tool")).To(Equal("program"))
	g.Expect(read("bin/tool")).To(Equal("program"))
	g.Expect(read("usr/bin/script")).To(Equal("#!"+dir+"/usr/bin/tool-1 -w\nx\n"), "a script names its interpreter where that is")
	g.Expect(read("usr/bin/other")).To(Equal("#!/usr/bin/env perl\n"), "the image has that one")
	info, err := os.Stat(filepath.Join(dir, "usr/bin/tool-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode()).To(Equal(os.FileMode(0o755)), "no file sets the user's ID")
	g.Expect(target("usr/bin/tool")).To(Equal("tool-1"))
	g.Expect(target("usr/lib/x86_64-linux-gnu/libx.so")).To(Equal("libx.so.1.2"))
	g.Expect(read("usr/lib/x86_64-linux-gnu/libx.so.1")).To(Equal("library"))
	g.Expect(target("usr/lib/elsewhere")).To(Equal("/etc/of-the-image"))
	g.Expect(target("usr/out")).To(Equal("/outside"))
	g.Expect(read("usr/lib/x86_64-linux-gnu/pkgconfig/x.pc")).To(Equal("prefix=" + dir + "/usr\nlibdir=${prefix}/lib\n"))
	g.Expect(read("etc/fonts/fonts.conf")).To(Equal("<dir>" + dir + "/usr/share/fonts</dir>"))
	g.Expect(read("usr/share/doc/x/copyright")).To(Equal("licence"))
	g.Expect(filepath.Join(dir, "usr/share/doc/x/changelog.gz")).NotTo(BeAnExistingFile())
	g.Expect(filepath.Join(dir, "usr/share/man")).NotTo(BeADirectory())
	g.Expect(Libraries(dir)).To(Equal([]string{"libx.so.1", "libx.so.1.2"}))
}

// A package that is not what its distribution signed never gets this far; one that is can still not write outside.
func TestOverlayStaysInside(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	name, outside := filepath.Join(t.TempDir(), "x.deb"), filepath.Join(t.TempDir(), "outside")
	g.Expect(os.WriteFile(name, debOf(t, "", fileOf("../../../../../../"+outside, "x"), fileOf("./usr/x", "x")), 0o644)).To(Succeed())
	g.Expect(Overlay(context.Background(), []Package{{Name: "x"}}, []string{name}, dir)).To(Succeed())
	g.Expect(outside).NotTo(BeAnExistingFile())
	g.Expect(filepath.Join(dir, "usr/x")).To(BeAnExistingFile())
}

func TestVariables(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	for _, name := range []string{"usr/bin/x", "usr/lib/x86_64-linux-gnu/libx.so.1", "etc/fonts/fonts.conf", "usr/share/perl5/X.pm", "usr/include/x.h"} {
		g.Expect(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, name), nil, 0o644)).To(Succeed())
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	v := VariablesOf(dir, "amd64", false)
	g.Expect(v.Lists).To(Equal(map[string][]string{"PATH": {in("usr/bin")}, "LD_LIBRARY_PATH": {in("usr/lib/x86_64-linux-gnu")}, "PERL5LIB": {in("usr/share/perl5")}}))
	g.Expect(v.Values).To(Equal(map[string]string{"FONTCONFIG_PATH": in("etc/fonts")}))
	g.Expect(VariablesOf(dir, "amd64", true).Lists).To(HaveKeyWithValue("CPATH", []string{in("usr/include")}))
}
