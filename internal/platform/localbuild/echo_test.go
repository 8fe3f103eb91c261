package localbuild

import (
	"bytes"
	"strings"
	"sync/atomic"
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
	} {
		var out bytes.Buffer
		var said atomic.Bool
		n, err := withoutEcho{&out, &said}.Write([]byte(text))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(n).To(Equal(len(text)))
		NewWithT(t).Expect(out.String()).To(Equal(want))
		NewWithT(t).Expect(said.Load()).To(Equal(strings.Contains(text, "Failed:")))
	}
}
