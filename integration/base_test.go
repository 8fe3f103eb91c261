package integration

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// unpacked gives the folder of a base image's files, and their size in bytes.
func unpacked(t *testing.T, image v1.Image) (dir string, size int64) {
	g := NewWithT(t)
	dir = t.TempDir()
	stream := mutate.Extract(image)
	defer func() { _ = stream.Close() }()
	var copied bytes.Buffer
	reader := tar.NewReader(io.TeeReader(stream, &copied))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		size += header.Size
	}
	g.Expect(archive.Extract(&copied, dir, archive.Options{RootFS: true})).To(Succeed())
	return dir, size
}

// The images of packages are as small as they promise, start programs, and list their packages as dpkg does.
func TestBaseImages(t *testing.T) {
	for kind, c := range map[base.Kind]struct {
		most      int64
		there     []string
		notThere  []string
		runs, out string
	}{
		base.Tiny: {35e6, []string{"etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Europe/Berlin", "usr/lib/locale/C.utf8/LC_CTYPE", "usr/lib/x86_64-linux-gnu/libatomic.so.1", "etc/nsswitch.conf", "usr/share/sbom/base.cdx.json"},
			[]string{"usr/bin/sh", "usr/bin/dash", "usr/bin/bash", "usr/bin/apt", "usr/bin/dpkg", "usr/bin/perl"}, "openssl version", "OpenSSL 3"},
		base.Run: {70e6, []string{"usr/bin/ps", "usr/bin/env", "usr/lib/x86_64-linux-gnu/libpq.so.5", "usr/bin/awk"}, []string{"usr/bin/apt", "usr/bin/dpkg", "usr/bin/perl"}, "sh -c 'echo $((6*7)); locale -a'", "42\nC\nC.utf8"},
		base.Build: {500e6, []string{"usr/bin/cc", "usr/bin/c++", "usr/include/postgresql/libpq-fe.h"}, []string{"usr/bin/apt"},
			`sh -c 'echo "int main(void){return 42;}" >/tmp/a.c; cc -o /tmp/a /tmp/a.c -lpq -lsqlite3 -lyaml -lffi -lssl -lz; /tmp/a; echo $?'`, "42"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			g := NewWithT(t)
			image, err := base.New(kind).Image(t.Context(), homeFolder(), buildlog.New(io.Discard, false))
			g.Expect(err).NotTo(HaveOccurred())
			dir, size := unpacked(t, image)
			t.Logf("%s: %.1f MB", kind, float64(size)/1e6)
			g.Expect(size).To(BeNumerically("<", c.most))
			for _, name := range c.there {
				g.Expect(filepath.Join(dir, name)).To(BeAnExistingFile())
			}
			for _, name := range c.notThere {
				g.Expect(filepath.Join(dir, name)).NotTo(BeAnExistingFile())
			}
			listed, err := exec.Command("dpkg-query", "--admindir="+filepath.Join(dir, "var/lib/dpkg"), "--show", "--showformat=${Package} ${db:Status-Status}\n").CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(listed))
			g.Expect(string(listed)).To(ContainSubstring("libc6 installed\n"))
			g.Expect(strings.Count(string(listed), "\n")).To(Equal(strings.Count(string(listed), " installed\n")))
			if os.Geteuid() != 0 {
				return
			}
			out, err := exec.Command("sh", "-c", "chroot "+dir+" "+c.runs).CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(out))
			g.Expect(string(out)).To(HavePrefix(c.out))
		})
	}
}

// A file that is added must not replace what is there: a folder, or the link through which every program is found.
func TestAddedFiles(t *testing.T) {
	g := NewWithT(t)
	image, err := base.New(base.Tiny).Image(t.Context(), homeFolder(), buildlog.New(io.Discard, false))
	g.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(t.TempDir(), "tool")
	g.Expect(os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755)).To(Succeed())
	added, err := base.Add(image, []string{file + ":/usr/local/bin/tool"})
	g.Expect(err).NotTo(HaveOccurred())
	dir, _ := unpacked(t, added)
	info, err := os.Stat(filepath.Join(dir, "usr/local/bin/tool"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o755)))
	for add, why := range map[string]string{
		file + ":/bin/tool":                "/bin is a link in the image, and a layer would replace it by a folder",
		file + ":/etc":                     "there is a folder",
		filepath.Dir(file) + ":/usr/tools": "is no file",
		file + "x:/usr/tool":               "no such file or directory",
		file + ":relative":                 "it is SOURCE:TARGET, and TARGET the whole path of a file in the image",
		file + ":/usr/../tool":             "it is SOURCE:TARGET, and TARGET the whole path of a file in the image",
	} {
		_, err := base.Add(image, []string{add})
		g.Expect(problem.As(err).ID).To(Equal("base/add"), add)
		g.Expect(problem.As(err).Why).To(ContainSubstring(why), add)
	}
}

// What is compiled in the build image finds its libraries in the run image.
func TestBuildAndRunImagesArePaired(t *testing.T) {
	g := NewWithT(t)
	list := func(kind base.Kind) map[string]string {
		_, err := base.New(kind).Image(t.Context(), homeFolder(), buildlog.New(io.Discard, false))
		g.Expect(err).NotTo(HaveOccurred())
		text, err := base.New(kind).Status(homeFolder())
		g.Expect(err).NotTo(HaveOccurred())
		packages := map[string]string{}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			name, rest, _ := strings.Cut(strings.TrimPrefix(paragraph, "Package: "), "\n")
			packages[name] = rest
		}
		return packages
	}
	run, build := list(base.Run), list(base.Build)
	headers := 0
	for _, name := range base.Build.Packages("bookworm") {
		if !strings.HasSuffix(name, "-dev") {
			continue
		}
		headers++
		depends := regexp.MustCompile(`(?m)^Depends: (.*)$`).FindStringSubmatch(build[name])
		g.Expect(depends).NotTo(BeNil(), name)
		for dependency := range strings.SplitSeq(depends[1], ", ") {
			library, version, _ := strings.Cut(dependency, " ")
			if strings.HasPrefix(version, "(= ") && !strings.HasSuffix(library, "-dev") {
				_, there := run[library]
				g.Expect(there).To(BeTrue(), name+" has headers of "+library)
			}
		}
	}
	g.Expect(headers).To(BeNumerically(">", 5))
}

// Newer packages of the run image are found once a day, and on request: the image is made again, and the application's layers stay.
func TestNewerPackagesOfTheRunImage(t *testing.T) {
	g := NewWithT(t)
	p := newProject(t, map[string]string{"package.json": `{"name":"x","engines":{"node":"24"},"scripts":{"start":"node server.js"}}`, "server.js": ""})
	home := t.TempDir()
	build := func(refresh localbuild.Refresh) (map[string]string, string) {
		o := p.options()
		o.Home, o.RunImage, o.Refresh = home, "tiny", refresh
		var out bytes.Buffer
		result, err := localbuild.Build(t.Context(), o, buildlog.New(&out, false), &out, &out)
		g.Expect(err).NotTo(HaveOccurred(), out.String())
		p.last = result
		return p.layers(), out.String()
	}
	before, log := build(localbuild.RefreshDaily)
	g.Expect(log).To(MatchRegexp(`gantry/run-tiny:debian-12, of \d+ packages of Debian 12 \(bookworm\)`))
	spec, _ := base.Parse("tiny")
	status, err := spec.Status(home)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(spec.Folder(home), "packages.status"), bytes.Replace(status, []byte("\nVersion: 20"), []byte("\nVersion: 19"), 1), 0o644)).To(Succeed())
	_, log = build(localbuild.RefreshDaily)
	g.Expect(log).NotTo(ContainSubstring("newer packages"))
	_, log = build(localbuild.RefreshNever)
	g.Expect(log).NotTo(ContainSubstring("newer packages"))
	after, log := build(localbuild.RefreshNow)
	g.Expect(log).To(MatchRegexp(`Image +gantry/run-tiny:debian-12 gets newer packages: \S+ 19\S+ → 20\S+\n`))
	g.Expect(after).To(Equal(before))
	_, log = build(localbuild.RefreshNow)
	g.Expect(log).NotTo(ContainSubstring("gets newer packages"))

	// Where the archives cannot be reached, the image stays, and the build goes on.
	t.Setenv("BP_DEPENDENCY_MIRROR_DEB_DEBIAN_ORG", "http://127.0.0.1:9")
	_, log = build(localbuild.RefreshNow)
	g.Expect(log).To(MatchRegexp(`Image +gantry/run-tiny:debian-12 stays as it is: \S+ cannot be reached`))
}

// The run image without a shell starts what needs none, and is refused for what needs one.
func TestRunImageWithoutShell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ start, why string }{
		"a program": {start: "node server.js"}, "a shell": {start: "node server.js | cat", why: "process web runs sh, and the run image tiny has no shell"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, map[string]string{
				"package.json": `{"name":"x","engines":{"node":"24"},"scripts":{"start":"` + c.start + `"}}`,
				"server.js":    `require("http").createServer((q, r) => r.end(new Date(0).toLocaleString("de", {timeZone: "Europe/Berlin"}))).listen(process.env.PORT)`,
			})
			o := p.options()
			o.RunImage = "tiny"
			var out bytes.Buffer
			result, err := localbuild.Build(t.Context(), o, buildlog.New(&out, false), &out, &out)
			if c.why != "" {
				p.Expect(problem.As(err).ID).To(Equal("localbuild/needs-shell"))
				p.Expect(problem.As(err).Why).To(Equal(c.why))
				return
			}
			p.Expect(err).NotTo(HaveOccurred(), out.String())
			p.last = result
			_, body := p.start(run.Options{}).get("/")
			p.Expect(body).To(Equal("1.1.1970, 01:00:00"))
			_, code := p.run("sh", "-c", "true")
			p.Expect(code).NotTo(BeZero())
		})
	}
}
