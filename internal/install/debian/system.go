package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
)

// System is a root file system of packages.
type System struct {
	Distribution Distribution
	Packages     []Package
	// Keep chooses files by their names, without a slash at the beginning.
	Keep func(name string) bool
	// Files are further files, by their names.
	Files map[string][]byte
	// Users are lines of /etc/passwd beyond those of the distribution; each has a group of its own name and a home.
	Users []User
}

// User is an account.
type User struct {
	Name     string
	ID       int
	Home     string
	Password string
}

// fileTime is the time of files that no package has: images must not tell when they were made.
var fileTime = time.Unix(1, 0)

// Write writes the system as a tar archive, and gives the names of the shared libraries in it. files are the packages' archives, as Download
// gives them.
func (s System) Write(ctx context.Context, files []string, to io.Writer) (libraries []string, err error) {
	w := &systemWriter{tar: tar.NewWriter(to), written: map[string]bool{}, kept: map[string][]byte{}, arch: s.Distribution.Arch}
	if err := s.write(ctx, files, w); err != nil {
		return nil, err
	}
	for name := range w.written {
		if base := path.Base(name); strings.HasPrefix(name, "usr/lib") && strings.Contains(base, ".so") {
			libraries = append(libraries, base)
		}
	}
	slices.Sort(libraries)
	return slices.Compact(libraries), nil
}

func (s System) write(ctx context.Context, files []string, w *systemWriter) error {
	if err := w.folder("var", 0o755, 0); err != nil {
		return err
	}
	for _, link := range [][2]string{{"var/run", "/run"}, {"var/lock", "/run/lock"}} {
		if err := w.link(link[0], link[1]); err != nil {
			return err
		}
	}
	for c := range ahead(ctx, files, s.Keep) {
		if c.err != nil {
			return fmt.Errorf("unpack %s: %w", s.Packages[c.n].Name, c.err)
		}
		for _, e := range c.entries {
			if err := w.entry(e); err != nil {
				return err
			}
		}
		w.offered = append(w.offered, alternatives(ctx, c.postinst)...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	links := best(w.offered, func(name string) bool { return w.written[name] })
	for _, name := range sortedLinks(links) {
		if err := w.folders(path.Dir(name)); err != nil {
			return err
		}
		if err := w.link(name, links[name]); err != nil {
			return err
		}
	}
	for _, folder := range mergedFolders {
		if !w.written["usr/"+folder] {
			continue
		}
		if err := w.link(folder, "usr/"+folder); err != nil {
			return err
		}
	}
	for _, folder := range emptyFolders {
		if err := w.folders(folder); err != nil {
			return err
		}
	}
	if zone := "usr/share/zoneinfo/Etc/UTC"; w.written[zone] {
		if err := w.link("etc/localtime", "/"+zone); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if err := w.file(name, 0o644, 0, s.Files[name]); err != nil {
			return err
		}
	}
	for _, make := range []func() error{w.templates, w.certificates, func() error { return w.accounts(s.Users) }, func() error { return w.status(s.Packages) }, w.loaderCache} {
		if err := make(); err != nil {
			return err
		}
	}
	return w.tar.Close()
}

// read is a package's archive that is read.
type read struct {
	contents
	n   int
	err error
}

// ahead reads packages' archives, some at a time, and gives them in their order.
func ahead(ctx context.Context, files []string, keep func(name string) bool) <-chan read {
	out := make(chan read)
	waiting := make(chan chan read, runtime.GOMAXPROCS(0))
	go func() {
		defer close(waiting)
		for n, file := range files {
			one := make(chan read, 1)
			select {
			case waiting <- one:
			case <-ctx.Done():
				return
			}
			go func() {
				c, err := readDeb(file, keep)
				one <- read{c, n, err}
			}()
		}
	}()
	go func() {
		defer close(out)
		for one := range waiting {
			select {
			case out <- <-one:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// systemWriter writes the files of a system, each name once.
type systemWriter struct {
	tar     *tar.Writer
	arch    string
	written map[string]bool
	offered []alternative
	// kept are files from which others are made.
	kept map[string][]byte
	// libraries are what programs are linked with.
	libraries []library
}

func (w *systemWriter) entry(e entry) error {
	name := e.header.Name
	if w.written[name] {
		return nil
	}
	w.written[name] = true
	header := *e.header
	if header.Typeflag == tar.TypeDir {
		header.Name += "/"
	}
	header.Uname, header.Gname, header.Format = "", "", tar.FormatUnknown
	header.AccessTime, header.ChangeTime, header.PAXRecords = time.Time{}, time.Time{}, nil
	if _, copied := templates[name]; copied || strings.HasPrefix(name, certificatesFolder+"/") || name == accountsFile || name == groupsFile {
		w.kept[name] = e.body
	}
	if lib, ok := libraryOf(name, e, w.arch); ok {
		w.libraries = append(w.libraries, lib)
	}
	if err := w.tar.WriteHeader(&header); err != nil {
		return err
	}
	_, err := io.Copy(w.tar, bytes.NewReader(e.body))
	return err
}

func (w *systemWriter) file(name string, mode int64, owner int, content []byte) error {
	if err := w.folders(path.Dir(name)); err != nil {
		return err
	}
	return w.entry(entry{&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Uid: owner, Gid: owner, Size: int64(len(content)), ModTime: fileTime}, content})
}

func (w *systemWriter) link(name, target string) error {
	return w.entry(entry{&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: fileTime}, nil})
}

func (w *systemWriter) folder(name string, mode int64, owner int) error {
	return w.entry(entry{&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: owner, Gid: owner, ModTime: fileTime}, nil})
}

// folders makes a folder, and those above it.
func (w *systemWriter) folders(name string) error {
	if name == "." || w.written[name] {
		return nil
	}
	if err := w.folders(path.Dir(name)); err != nil {
		return err
	}
	return w.folder(name, 0o755, 0)
}

// emptyFolders are in each system, for what is put there: https://refspecs.linuxfoundation.org/FHS_3.0/fhs/index.html.
var emptyFolders = []string{"media", "mnt", "opt", "srv", "usr/local/bin", "usr/local/lib", "usr/local/sbin", "usr/local/share"}

// templates are files that packages have copied when they are installed, and where to.
var templates = map[string]string{
	"usr/share/libc-bin/nsswitch.conf":   "etc/nsswitch.conf",
	"usr/share/base-files/nsswitch.conf": "etc/nsswitch.conf",
	"usr/share/base-files/profile":       "etc/profile",
}

func (w *systemWriter) templates() error {
	for _, from := range slices.Sorted(maps.Keys(templates)) {
		if content, there := w.kept[from]; there {
			if err := w.file(templates[from], 0o644, 0, content); err != nil {
				return err
			}
		}
	}
	return nil
}

// accountsFile and groupsFile are what a distribution's /etc/passwd and /etc/group begin with: update-passwd(8).
const (
	accountsFile = "usr/share/base-passwd/passwd.master"
	groupsFile   = "usr/share/base-passwd/group.master"
)

func (w *systemWriter) accounts(users []User) error {
	accounts, groups := w.kept[accountsFile], w.kept[groupsFile]
	if accounts == nil {
		accounts, groups = []byte("root:*:0:0:root:/root:/usr/sbin/nologin\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"), []byte("root:*:0:\nnogroup:*:65534:\n")
	}
	shell := "/usr/sbin/nologin"
	for _, file := range []string{"usr/bin/bash", "usr/bin/dash"} {
		if w.written[file] && shell == "/usr/sbin/nologin" {
			shell = "/" + file
		}
	}
	accounts, groups = slices.Clone(accounts), slices.Clone(groups)
	for _, u := range users {
		accounts = fmt.Appendf(accounts, "%s:*:%d:%d::%s:%s\n", u.Name, u.ID, u.ID, u.Home, shell)
		groups = fmt.Appendf(groups, "%s:*:%d:\n", u.Name, u.ID)
	}
	if err := w.file("etc/passwd", 0o644, 0, accounts); err != nil {
		return err
	}
	if err := w.file("etc/group", 0o644, 0, groups); err != nil {
		return err
	}
	for _, u := range users {
		home := strings.TrimPrefix(u.Home, "/")
		if err := w.folders(path.Dir(home)); err != nil {
			return err
		}
		if err := w.folder(home, 0o755, u.ID); err != nil {
			return err
		}
	}
	return nil
}

// status writes dpkg's list of installed packages, which scanners read.
func (w *systemWriter) status(packages []Package) error {
	var text bytes.Buffer
	for _, p := range packages {
		text.WriteString(p.Status())
		text.WriteString("\n")
	}
	return w.file("var/lib/dpkg/status", 0o644, 0, text.Bytes())
}

// Status is the package's paragraph in /var/lib/dpkg/status, as dpkg writes it.
func (p Package) Status() string {
	rest := p.fields.without("Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Tag", "Package", "Task")
	return "Package: " + p.Name + "\nStatus: install ok installed\n" + strings.TrimRight(rest, "\n") + "\n"
}
