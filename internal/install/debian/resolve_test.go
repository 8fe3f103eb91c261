package debian

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// indexOf makes an index of paragraphs, each in one line: "name version field: value; field: value".
func indexOf(lines ...string) *Index {
	x := &Index{Distribution: Distribution{VersionID: "12", Codename: "bookworm"}, packages: map[string][]Package{}, providers: map[string][]string{}}
	for _, line := range lines {
		x.add("http://mirror", []byte(paragraphOf(line)))
	}
	return x
}

func paragraphOf(line string) string {
	head, rest, _ := strings.Cut(line, " ")
	version, fields, _ := strings.Cut(rest, " ")
	return "Package: " + head + "\nVersion: " + version + "\n" + strings.ReplaceAll(fields, "; ", "\n") + "\n"
}

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		index     []string
		names     []string
		installed []string
		omit      []string
		want      string
		err       string
	}{
		"dependencies of dependencies": {
			index: []string{"a 1 Depends: b (>= 2), c", "b 2 Pre-Depends: d", "c 1", "d 1", "e 1"}, names: []string{"a"}, want: "a=1 b=2 c=1 d=1",
		},
		"the newest version of several suites": {index: []string{"a 1.10-1", "a 1.9-1", "a 1:0.5"}, names: []string{"a"}, want: "a=1:0.5"},
		"a version that is named":              {index: []string{"a 2", "a 1"}, names: []string{"a=1"}, want: "a=1"},
		"a tilde is before the release":        {index: []string{"a 1~rc1", "a 1"}, names: []string{"a"}, want: "a=1"},
		"the first alternative":                {index: []string{"a 1 Depends: b | c", "b 1", "c 1"}, names: []string{"a"}, want: "a=1 b=1"},
		"an alternative that is chosen":        {index: []string{"a 1 Depends: b | c", "b 1", "c 1"}, names: []string{"c", "a"}, want: "a=1 c=1"},
		"an alternative that exists":           {index: []string{"a 1 Depends: b | c", "c 1"}, names: []string{"a"}, want: "a=1 c=1"},
		"an alternative of a fitting version":  {index: []string{"a 1 Depends: b (>= 2) | c", "b 1", "c 1"}, names: []string{"a"}, want: "a=1 c=1"},
		"a virtual package":                    {index: []string{"a 1 Depends: mta", "x 1 Provides: mta", "b 1 Provides: mta; Priority: important"}, names: []string{"a"}, want: "a=1 b=1"},
		"a virtual package with a version": {
			index: []string{"a 1 Depends: api (= 3)", "x 1 Provides: api (= 2)", "y 1 Provides: api (= 3)"}, names: []string{"a"}, want: "a=1 y=1",
		},
		"what is installed":                   {index: []string{"a 1 Depends: b, c", "b 1", "c 1"}, names: []string{"a", "c"}, installed: []string{"b 1", "c 1"}, want: "a=1"},
		"what is installed provides":          {index: []string{"a 1 Depends: v", "b 1 Provides: v"}, names: []string{"a"}, installed: []string{"z 1 Provides: v"}, want: "a=1"},
		"what is installed is too old":        {index: []string{"a 1 Depends: b (>= 2)", "b 2"}, names: []string{"a"}, installed: []string{"b 1"}, want: "a=1 b=2"},
		"a newer C library than is installed": {index: []string{"a 1 Depends: libc6 (>= 2)", "libc6 2"}, names: []string{"a"}, installed: []string{"libc6 1"}, err: "packages/unsatisfied"},
		"what is omitted":                     {index: []string{"a 1 Depends: debconf (>= 0.5) | debconf-2.0, b", "b 1"}, names: []string{"a"}, omit: []string{"debconf"}, want: "a=1 b=1"},
		"a circle":                            {index: []string{"a 1 Depends: b", "b 1 Depends: a"}, names: []string{"b"}, want: "a=1 b=1"},
		"another architecture's name":         {index: []string{"a 1 Depends: python3:any", "python3 3"}, names: []string{"a"}, want: "a=1 python3=3"},
		"a virtual name that is given":        {index: []string{"b 1 Provides: v"}, names: []string{"v"}, want: "b=1"},
		"an unknown name":                     {index: []string{"ffmpeg 1"}, names: []string{"ffmpg"}, err: "packages/unknown"},
		"an unknown version":                  {index: []string{"a 2"}, names: []string{"a=3"}, err: "packages/unknown"},
		"a missing dependency":                {index: []string{"a 1 Depends: b"}, names: []string{"a"}, err: "packages/unsatisfied"},
		"two versions of one":                 {index: []string{"a 1", "a 2"}, names: []string{"a", "a=1"}, err: "packages/version"},
		"another version than is installed":   {index: []string{"a 1", "a 2"}, names: []string{"a=1"}, installed: []string{"a 2"}, err: "packages/version"},
		"a virtual package that is installed": {index: []string{"b 1 Provides: v", "c 1 Provides: v"}, names: []string{"v"}, installed: []string{"b 1 Provides: v"}},
		"a conflict":                          {index: []string{"a 1", "b 1 Conflicts: a"}, names: []string{"a", "b"}, err: "packages/conflict"},
		"a conflict with another version": {
			index: []string{"a 2", "b 1 Breaks: a (<< 2)"}, names: []string{"a", "b"}, want: "a=2 b=1",
		},
		"a conflict with what is installed":        {index: []string{"b 1 Conflicts: a"}, names: []string{"b"}, installed: []string{"a 1"}, err: "packages/conflict"},
		"a package that replaces what it provides": {index: []string{"b 1 Provides: v; Conflicts: v"}, names: []string{"b"}, want: "b=1"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var status []string
			for _, line := range c.installed {
				status = append(status, "Status: install ok installed\n"+paragraphOf(line))
			}
			list, err := indexOf(c.index...).Resolve(c.names, ReadStatus([]byte(strings.Join(status, "\n"))), c.omit)
			if c.err != "" {
				g.Expect(err).To(HaveOccurred())
				g.Expect(problem.As(err).ID).To(Equal(c.err))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			var got []string
			for _, p := range list {
				got = append(got, p.Name+"="+p.Version)
			}
			g.Expect(strings.Join(got, " ")).To(Equal(c.want))
		})
	}
}

func TestResolveErrors(t *testing.T) {
	for name, c := range map[string]struct {
		index []string
		names []string
		text  string
	}{
		"a near name":             {[]string{"ffmpeg 1"}, []string{"ffmpg"}, "Debian 12 (bookworm) has no package ffmpg\nDo you mean ffmpeg?"},
		"no near name":            {[]string{"ffmpeg 1"}, []string{"imagemagick"}, "Debian 12 (bookworm) has no package imagemagick\nLook for its name: https://packages.debian.org/bookworm"},
		"a version":               {[]string{"a 2"}, []string{"a=3"}, "Debian 12 (bookworm) has a 2, and not 3\nLook for its name: https://packages.debian.org/bookworm"},
		"several that provide it": {[]string{"x 1 Provides: mta", "y 1 Provides: mta"}, []string{"mta"}, "Debian 12 (bookworm) has no package mta\nChoose one of those that provide it: x, y."},
		"a missing dependency": {[]string{"a 1 Depends: b (>= 2) | c"}, []string{"a"},
			"the package a cannot be installed\na 1 depends on b (>= 2) or c, which cannot be had here\nA mirror that is just being updated can lack it; else choose another package."},
		"a conflict": {[]string{"a 1", "b 1 Conflicts: a"}, []string{"a", "b"},
			"the packages b and a cannot be installed together\nb 1 conflicts with a 1\nLeave one of them out."},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := indexOf(c.index...).Resolve(c.names, nil, nil)
			g.Expect(err).To(HaveOccurred())
			p := problem.As(err)
			text := p.Title
			if p.Why != "" {
				text += "\n" + p.Why
			}
			g.Expect(text + "\n" + strings.Join(p.Hints, "\n")).To(Equal(c.text))
		})
	}
}
