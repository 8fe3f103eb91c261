package debian

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What a mirror can do wrong has an error of its own, and nothing is kept of it.
func TestReadIndexRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil     func(*testing.T, *served)
		id, title string
		why       string
	}{
		"another key": {
			spoil: func(t *testing.T, s *served) { s.key = newKey(t, 0) },
			id:    "packages/signature", title: "the package index bookworm is not signed by its distribution", why: "none of the keys",
		},
		"a key that has expired": {
			spoil: func(*testing.T, *served) {},
			id:    "packages/signature", title: "the package index bookworm is not signed by its distribution", why: "has expired",
		},
		"out of date": {
			spoil: func(_ *testing.T, s *served) { s.validUntil = now.Add(-time.Hour) },
			id:    "packages/stale", title: "the package index bookworm is out of date", why: "was valid until 2026-11-01",
		},
		"another suite": {
			spoil: func(_ *testing.T, s *served) { s.codename = "buster" },
			id:    "packages/index", title: "the package index bookworm cannot be used", why: `it is that of "buster"`,
		},
		"half synchronised": {
			spoil: func(_ *testing.T, s *served) { s.noByHash, s.otherList = true, []byte("the next list") },
			id:    "packages/half-synchronised", title: "the package index bookworm and its list of packages do not belong together", why: "the mirror is just being updated, or is broken",
		},
		"no answer": {
			spoil: func(_ *testing.T, s *served) { s.down = true },
			id:    "fetch/server-error", why: "503",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, dir := NewWithT(t), filepath.Join(t.TempDir(), "index")
			s := newArchive(t)
			key := s.key
			if name == "a key that has expired" {
				s.key = newKey(t, 24*time.Hour)
				key = s.key
			}
			c.spoil(t, s)
			_, err := s.read(s.start(t), key, dir)
			g.Expect(err).To(HaveOccurred())
			p := problem.As(err)
			g.Expect(p.ID).To(Equal(c.id))
			g.Expect(p.Why).To(ContainSubstring(c.why))
			if c.title != "" {
				g.Expect(p.Title).To(Equal(c.title))
			}
			lists, err := filepath.Glob(filepath.Join(dir, "*.gz*"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(lists).To(BeEmpty())
		})
	}
}

// A mirror without files by digest serves the list under its name.
func TestReadIndexWithoutByHash(t *testing.T) {
	g := NewWithT(t)
	s := newArchive(t)
	s.noByHash = true
	s.add("Package: a\nVersion: 1", nil)
	x, err := s.read(s.start(t), s.key, t.TempDir())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(x.Resolve([]string{"a"}, nil, nil)).To(HaveLen(1))
}

// Without a network the kept index serves, and the age is told; a kept list that is damaged is not read.
func TestReadIndexWithoutNetwork(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	s := newArchive(t)
	s.validUntil = now.Add(time.Hour)
	s.add("Package: a\nVersion: 1", nil)
	d := s.start(t)
	x, err := s.read(d, s.key, dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(x.Stale).To(BeEmpty())
	s.down = true
	x, err = s.read(d, s.key, dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(x.Stale).To(HaveSuffix(" has trouble"))
	g.Expect(x.Resolve([]string{"a"}, nil, nil)).To(HaveLen(1))
	lists, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lists).To(HaveLen(1))
	g.Expect(os.WriteFile(lists[0], []byte("damaged"), 0o644)).To(Succeed())
	_, err = s.read(d, s.key, dir)
	g.Expect(problem.As(err).ID).To(Equal("fetch/server-error"))
}

// The keys that Gantry has are those of the archives, and not expired for years.
func TestKeys(t *testing.T) {
	g := NewWithT(t)
	for version := range codenames {
		for _, arch := range []string{"amd64", "arm64"} {
			d, known := Of("debian", version, arch)
			g.Expect(known).To(BeTrue())
			for _, a := range d.archives {
				ring, err := a.ring()
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(ring).To(HaveLen(len(a.keys)))
				for _, key := range ring {
					_, valid := key.SigningKey(now.AddDate(3, 0, 0))
					g.Expect(valid).To(BeTrue(), a.suite)
				}
			}
		}
	}
	_, known := Of("ubuntu", "24.04", "amd64")
	g.Expect(known).To(BeFalse())
}

func TestParagraph(t *testing.T) {
	g := NewWithT(t)
	p := paragraph("Package: a\nDepends: b,\n c (>= 1)\nDescription: short\n long\n .\n more\nVersion: 2\n")
	g.Expect(p.get("depends")).To(Equal("b,\n c (>= 1)"))
	g.Expect(p.get("Version")).To(Equal("2"))
	g.Expect(p.get("Vers")).To(BeEmpty())
	g.Expect(p.without("description", "Package")).To(Equal("Depends: b,\n c (>= 1)\nVersion: 2\n"))
	g.Expect(paragraphs([]byte("A: 1\n\n\nB: 2\n"))).To(Equal([]paragraph{paragraph("A: 1"), paragraph("B: 2")}))
}
