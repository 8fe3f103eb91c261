package npm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/npmtar"
)

// oddArchive makes a package's archive by hand: with what archive/tar would not write, or would repair.
type oddArchive struct {
	*rand.Rand
	bytes.Buffer
}

func (a *oddArchive) pick(list ...string) string { return list[a.IntN(len(list))] }

// block writes a header and its content. Numbers are octal, or what the field holds by chance.
func (a *oddArchive) block(name, prefix, kind, link, content string) {
	header := make([]byte, 512)
	put := func(at, width int, text string) { copy(header[at:at+width], text) }
	put(0, 100, name)
	put(100, 8, a.pick("0000644\x00", "0000755\x00", "0000755 ", "   644 \x00", "0104755\x00", "0000000\x00", "0000444\x00"))
	put(108, 8, "0000000\x00")
	put(116, 8, "0000000\x00")
	size := fmt.Sprintf("%011o\x00", len(content))
	if a.IntN(40) == 0 {
		size = a.pick(fmt.Sprintf("%010o  ", len(content)), fmt.Sprintf("%12o", len(content)), "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+string(rune(len(content)%100)))
	}
	put(124, 12, size)
	put(136, 12, a.pick("14000000000\x00", "00000000000\x00", "           \x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	put(148, 8, "        ")
	put(156, 1, kind)
	put(157, 100, link)
	put(257, 8, a.pick("ustar\x0000", "ustar\x0000", "ustar\x0000", "ustar\x0000", "ustar  \x00", "\x00\x00\x00\x00\x00\x00\x00\x00"))
	put(345, 155, prefix)
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	if a.IntN(40) == 0 {
		sum++
	}
	put(148, 8, fmt.Sprintf("%06o\x00 ", sum))
	a.Write(header)
	a.WriteString(content)
	a.Write(make([]byte, (512-len(content)%512)%512))
}

func record(key, value string) string {
	for length := len(key) + len(value) + 3; ; length++ {
		if text := fmt.Sprintf("%d %s=%s\n", length, key, value); len(text) == length {
			return text
		}
	}
}

// usual writes a file as npm publish does.
func (a *oddArchive) usual() {
	a.block("package/"+a.pick("a.js", "b.js", "lib/c.js", "lib/d.js", ".gitignore", "x/.npmignore", "x/.gitignore", "README.md"), "", "0", "", strings.Repeat(a.pick("x", "y\n"), a.IntN(1200)))
}

// entry writes one thing that a package may hold.
func (a *oddArchive) entry() {
	if a.IntN(2) == 0 {
		a.usual()
		return
	}
	name := a.pick("package/", "package/", "package/", "other/", "./package/", "", "/package/", "package//") +
		a.pick("a.js", "b.js", "lib/c.js", "lib", "dir/", ".gitignore", ".npmignore", "lib/.gitignore", "..", "../up.js", "x/../y.js", "a\\b.js", "ü.js", "caf\xe9.js", "a.js ", "con", "a:b", strings.Repeat("long/", 10)+"d.js")
	content := strings.Repeat(a.pick("x", "y\n", "\x00"), a.IntN(1200))
	kind := a.pick("0", "0", "0", "0", "\x00", "5", "7", "1", "2", "3", "6", "S", "D", "V", "9")
	link := ""
	if kind == "1" || kind == "2" {
		link, content = a.pick("package/a.js", "a.js", "../../../etc/passwd", "/etc/passwd"), a.pick("", "", content)
	}
	switch a.IntN(12) {
	case 0:
		a.block("././@LongLink", "", "L", "", "package/"+a.pick("named.js", "lib/named.js", "../named.js")+a.pick("", "\x00"))
	case 1:
		a.block("PaxHeader/x", "", a.pick("x", "x", "g"), "", record(a.pick("path", "size", "mtime", "linkpath", "GNU.sparse.name", "GNU.sparse.major", "SCHILY.xattr.a", "NODETAR.depth", "comment", "mode"), a.pick("package/pax.js", "3", "1.5", "package/../pax.js", "")))
	case 2:
		a.block("././@LongLink", "", "K", "", a.pick("a.js", "package/a.js"))
	case 3:
		a.Write(make([]byte, 512*(1+a.IntN(2))))
	}
	a.block(name, a.pick("", "", "", "", "pre", "package/pre"), kind, link, content)
}

// tarball gives the whole archive.
func (a *oddArchive) tarball() []byte {
	// pacote wants one of a file.
	a.block("package/package.json", "", "0", "", `{"name":"a","version":"1.0.0"}`)
	for range 1 + a.IntN(4) {
		a.entry()
	}
	if a.IntN(10) > 0 {
		a.Write(make([]byte, 1024))
	}
	text := a.Bytes()
	if a.IntN(15) == 0 {
		text = text[:len(text)-a.IntN(len(text)/2)]
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	_, _ = zipped.Write(text)
	_ = zipped.Close()
	if a.IntN(15) == 0 {
		out.WriteString(a.pick("junk", "\x00\x00\x00\x00", "\x1f\x8b"))
	}
	return out.Bytes()
}

// unpackAll has npm's own pacote unpack archives into folders of the same names: https://github.com/npm/pacote.
const unpackAll = `
const pacote = require(process.argv[1] + '/node_modules/pacote'), fs = require('fs')
process.umask(0o022)
;(async () => {
  const failed = {}
  for (const name of fs.readdirSync('archives')) {
    try { await pacote.extract('file:' + process.cwd() + '/archives/' + name, 'npm/' + name, { cache: process.cwd() + '/cache' }) } catch (e) { failed[name] = String(e) }
  }
  console.log(JSON.stringify(failed))
})()`

// What Gantry unpacks of a package is what npm unpacks: a reviewer's tools and the application must not see two packages. What it leaves
// to npm, it need not understand. GANTRY_TEST_ARCHIVES is how many archives are tried.
func TestArchivesAsNPM(t *testing.T) {
	g := NewWithT(t)
	count := 150
	if text := os.Getenv("GANTRY_TEST_ARCHIVES"); text != "" {
		_, err := fmt.Sscan(text, &count)
		g.Expect(err).NotTo(HaveOccurred())
	}
	for version, program := range npms(t) {
		if strings.HasPrefix(version, "9.") && os.Getenv("GANTRY_TEST_ARCHIVES") == "" {
			// An old npm takes long, and ends at some of them.
			continue
		}
		t.Run(version, func(t *testing.T) {
			g, dir := NewWithT(t), t.TempDir()
			g.Expect(os.Mkdir(filepath.Join(dir, "archives"), 0o755)).To(Succeed())
			archives := map[string][]byte{}
			for seed := range count {
				a := &oddArchive{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(len(version))))}
				name := fmt.Sprintf("%d.tgz", seed)
				archives[name] = a.tarball()
				g.Expect(os.WriteFile(filepath.Join(dir, "archives", name), archives[name], 0o644)).To(Succeed())
			}
			cmd := exec.Command(program[0], "-e", unpackAll, filepath.Dir(filepath.Dir(program[1])))
			cmd.Dir = dir
			out, err := cmd.Output()
			g.Expect(err).NotTo(HaveOccurred())
			failed := map[string]string{}
			g.Expect(json.Unmarshal(out, &failed)).To(Succeed())
			compared := 0
			for name, text := range archives {
				own := filepath.Join(dir, "own", name)
				if npmtar.Unpack(bytes.NewReader(text), npmtar.NPM, own) != nil {
					// It is left to npm, or refused.
					continue
				}
				compared++
				ours, npms := unpackedFiles(g, own), unpackedFiles(g, filepath.Join(dir, "npm", name))
				if why := failed[name]; why != "" || !slices.Equal(ours, npms) {
					t.Errorf("%s: Gantry has\n  %s\nand npm\n  %s\n%s", name, strings.Join(ours, "\n  "), strings.Join(npms, "\n  "), why)
				}
			}
			t.Logf("%d of %d archives are unpacked without npm, and are what npm makes of them", compared, count)
			g.Expect(compared).To(BeNumerically(">", count/10))
		})
	}
}

// unpackedFiles describes the files below a folder: name, content, and whether they can be executed.
func unpackedFiles(g *WithT, dir string) (list []string) {
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && entry.IsDir() {
			return nil
		}
		g.Expect(err).NotTo(HaveOccurred())
		name, _ := filepath.Rel(dir, file)
		info, err := entry.Info()
		g.Expect(err).NotTo(HaveOccurred())
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		list = append(list, fmt.Sprintf("%q %v %d %q", name, info.Mode()&0o111 != 0, len(content), content[:min(len(content), 40)]))
		return nil
	})
	g.Expect(err).NotTo(HaveOccurred())
	slices.Sort(list)
	return list
}
