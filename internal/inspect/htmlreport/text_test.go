package htmlreport_test

import (
	"bytes"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
)

// Names of functions and files are the application's: at the terminal they are data.
func TestTextIsData(t *testing.T) {
	var out bytes.Buffer
	evil := `{"head":{"callFrame":{"functionName":"(root)"},"children":[{"callFrame":{"functionName":"a\u001b]0;pwned\u0007\n::error::x","url":"file:///workspace/\u202e.ts","lineNumber":11},"selfSize":9000000}]},"samples":[{}]}`
	NewWithT(t).Expect(htmlreport.Of(capture(t, "a\x1b[2J.heapprofile", evil)).Text(&out)).To(Succeed())
	NewWithT(t).Expect(strings.ContainsAny(out.String(), "\x1b\x07\u202e")).To(BeFalse(), "%q", out.String())
	NewWithT(t).Expect(out.String()).NotTo(ContainSubstring("\n::error"))
}
