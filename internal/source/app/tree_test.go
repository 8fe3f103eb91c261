package app_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// What is in a source tree cannot make its reader read elsewhere, wait for ever, or fill its memory.
func TestTheTreeIsACage(t *testing.T) {
	outside := t.TempDir()
	NewWithT(t).Expect(os.WriteFile(filepath.Join(outside, "secret"), []byte("CANARY"), 0o644)).To(Succeed())
	const leadsOut = "it is a link that leads out of the application"
	for name, c := range map[string]struct {
		make func(dir string) error
		file string
		// want is the file's content, why the reason that it has none; neither: there is no such file.
		want, why string
	}{
		"a file":                  {make: func(dir string) error { return os.WriteFile(dir+"/f", []byte("x"), 0o644) }, file: "f", want: "x"},
		"a link to a file":        {make: func(dir string) error { return link(dir, "real", "f", "x") }, file: "f", want: "x"},
		"a link up and back":      {make: func(dir string) error { return link(dir, "../tree/real", "f", "x") }, file: "f", why: leadsOut},
		"a link from a folder":    {make: func(dir string) error { return link(dir, "../real", "sub/f", "x") }, file: "sub/f", want: "x"},
		"an absolute link":        {make: func(dir string) error { return os.Symlink(outside+"/secret", dir+"/f") }, file: "f", why: leadsOut},
		"a relative link out":     {make: func(dir string) error { return os.Symlink("../../../../../../../../etc/passwd", dir+"/f") }, file: "f", why: leadsOut},
		"a folder that leads out": {make: func(dir string) error { return os.Symlink(outside, dir+"/sub") }, file: "sub/secret", why: leadsOut},
		"a link to a link that leads": {make: func(dir string) error {
			return errFirst(os.Symlink(outside, dir+"/a"), os.Symlink("a/secret", dir+"/f"))
		}, file: "f", why: leadsOut},
		"a device":         {make: func(dir string) error { return os.Symlink("/dev/zero", dir+"/f") }, file: "f", why: leadsOut},
		"a pipe":           {make: func(dir string) error { return syscall.Mkfifo(dir+"/f", 0o600) }, file: "f", why: "it is a named pipe, not a file"},
		"a link to a pipe": {make: func(dir string) error { return errFirst(syscall.Mkfifo(dir+"/p", 0o600), os.Symlink("p", dir+"/f")) }, file: "f", why: "it is a named pipe, not a file"},
		"a socket": {make: func(dir string) error {
			l, err := net.Listen("unix", dir+"/f")
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		}, file: "f", why: "it is a socket, not a file"},
		"a loop": {make: func(dir string) error { return os.Symlink("f", dir+"/f") }, file: "f", why: "too many levels of symbolic links"},
		"too large": {make: func(dir string) error {
			return errFirst(os.WriteFile(dir+"/f", nil, 0o644), os.Truncate(dir+"/f", 33<<20))
		}, file: "f", why: "it has more than 32 MB"},
		"a link to nowhere": {make: func(dir string) error { return os.Symlink("none", dir+"/f") }, file: "f"},
		"nothing":           {make: func(string) error { return nil }, file: "f"},
		"below a file":      {make: func(dir string) error { return os.WriteFile(dir+"/f", []byte("x"), 0o644) }, file: "f/g"},
		"a folder":          {make: func(dir string) error { return os.Mkdir(dir+"/f", 0o755) }, file: "f"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := filepath.Join(t.TempDir(), "tree")
			g.Expect(os.Mkdir(dir, 0o755)).To(Succeed())
			g.Expect(c.make(dir)).To(Succeed())
			a := app.Open(dir)
			content, found, err := a.Read(c.file)
			g.Expect(a.Has(c.file)).To(Equal(c.want+c.why != ""))
			if c.why != "" {
				g.Expect(err).To(HaveOccurred())
				g.Expect([]string{problem.As(err).ID, problem.As(err).Why}).To(Equal([]string{"app/unreadable", c.why}))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(Equal(c.want != ""))
			g.Expect(string(content)).To(Equal(c.want))
		})
	}
}

// A walk sees links and follows none of them.
func TestWalksStayInTheTree(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(link(dir, "b", "a", "x")).To(Succeed())
	g.Expect(os.Symlink("/etc", dir+"/etc")).To(Succeed())
	var names []string
	g.Expect(fs.WalkDir(app.Open(dir).FS, ".", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})).To(Succeed())
	g.Expect(names).To(Equal([]string{".", "a", "b", "etc"}))
	g.Expect(fs.Glob(app.Open(dir).FS, "etc/*")).To(BeEmpty())
}

// A folder that is not there has nothing in it.
func TestNoTree(t *testing.T) {
	g := NewWithT(t)
	_, found, err := app.Open(filepath.Join(t.TempDir(), "none")).Read("package.json")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(BeFalse())
}

// link writes a file and a link to it.
func link(dir, to, name, content string) error {
	file := filepath.Join(dir, filepath.Dir(name), to)
	return errFirst(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(file, []byte(content), 0o644), os.Symlink(to, filepath.Join(dir, name)))
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
