package localbuild

import (
	"bytes"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestOneFailureIsOneMessage(t *testing.T) {
	for text, want := range map[string]string{
		"ERROR: failed to build: exit status 1\n":                  "",
		"Failed: x\nERROR: failed to build: exit status 1\nmore\n": "Failed: x\nmore\n",
		"\x1b[31;1mERROR: \x1b[0mfailed to build: exit status 1\n": "",
		"ERROR: failed to build: signal: killed\n":                 "ERROR: failed to build: signal: killed\n",
		"my script says: ERROR: failed to build: exit status 1\n":  "my script says: ERROR: failed to build: exit status 1\n",
		"\x1b[31mFailed:\x1b[0m x":                                 "\x1b[31mFailed:\x1b[0m x\n",
	} {
		for size := 1; size <= len(text); size++ {
			var out bytes.Buffer
			o := output{out: &out, heard: &heard{}}
			for rest := []byte(text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				n, err := o.Write(rest[:min(size, len(rest))])
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				NewWithT(t).Expect(n).To(Equal(min(size, len(rest))))
			}
			o.flush()
			NewWithT(t).Expect(out.String()).To(Equal(want))
			NewWithT(t).Expect(o.heard.failed.Load()).To(Equal(strings.Contains(text, "Failed:")))
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	o := output{out: &out, heard: &heard{}, plain: true}
	_, err := o.Write([]byte("\x1b[1mGantry 0.1.0\x1b[0m\n  Node.js  \x1b[2mdefault\x1b[0m\n"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.String()).To(Equal("Gantry 0.1.0\n  Node.js  default\n"))
}

// What the lifecycle prints when no buildpack takes an application: it is one answer.
func TestADetectionThatFindsNothing(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	o := output{out: &out, heard: &heard{}, frameless: true}
	_, err := o.Write([]byte(`======== Output: gantry/app@0.1.0 ========
Not for Gantry: its folder contains none of package.json. Name the application's folder; if it is one of several in a repository, set BP_NODE_PROJECT_PATH.
======== Results ========
fail: gantry/app@0.1.0
ERROR: No buildpack groups passed detection.
ERROR: Please check that you are running against the correct path.
ERROR: failed to detect: no buildpacks participating
`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.String()).To(BeEmpty())
	g.Expect(o.heard.notRecognized()).To(MatchError("this is no application that Gantry builds: its folder contains none of package.json [localbuild/not-recognized]"))
}
