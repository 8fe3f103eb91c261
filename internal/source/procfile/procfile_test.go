package procfile_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
)

func TestParse(t *testing.T) {
	g := NewWithT(t)
	entries, err := procfile.Parse("Procfile", []byte("# comment\r\nweb: node server.js --url=http://x:1\r\n\n  worker :  node worker.js  \n"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entries).To(Equal([]procfile.Entry{
		{Type: "web", Command: "node server.js --url=http://x:1", Where: problem.Position{File: "Procfile", Line: 2, Column: 6}},
		{Type: "worker", Command: "node worker.js", Where: problem.Position{File: "Procfile", Line: 4, Column: 13}},
	}))
}

func TestErrorsWordForWord(t *testing.T) {
	for text, want := range map[string]string{
		"web: a\nnode server.js": `Procfile:2:1: the Procfile has a line that is not understood: there is no colon [procfile/invalid]`,
		"we b: a":                `Procfile:1:1: the Procfile has a line that is not understood: "we b" cannot be the name of a process type: letters, digits, - _ . only [procfile/invalid]`,
		"..: a":                  `Procfile:1:1: the Procfile has a line that is not understood: ".." cannot be the name of a process type: letters, digits, - _ . only [procfile/invalid]`,
		"web:  ":                 `Procfile:1:5: the Procfile has a line that is not understood: there is no command behind web: [procfile/invalid]`,
		"web: a\n web: b":        `Procfile:2:2: the Procfile has a line that is not understood: web is defined already in line 1 [procfile/invalid]`,
	} {
		_, err := procfile.Parse("Procfile", []byte(text))
		NewWithT(t).Expect(err).To(MatchError(want))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web: node a", "\ufeffweb:x", ":", "a:b\r\n\tb: c"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = procfile.Parse("Procfile", text) })
}
