package lockfile

import (
	"bytes"
	"fmt"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// address finds what may be a credential in a web address: what stands before the @, and parameters that are called like one. The user
// "git" is everybody's, and a variable in its place (${TOKEN}) is none.
var address = lazyregexp.New(`https?://([^\s"'<>/@?#$]+)@|[?&](?:access_?token|auth|token|api_?key|sig|signature|secret|password)=[^\s"'&<>$]+`)

// Credentials gives the line, from 1, of the first address in a lockfile that holds credentials; 0 when there is none.
func Credentials(text []byte) int {
	for _, at := range address().FindAllSubmatchIndex(text, -1) {
		if at[2] < 0 || string(text[at[2]:at[3]]) != "git" {
			return 1 + bytes.Count(text[:at[0]], []byte("\n"))
		}
	}
	return 0
}

// CredentialsWarning tells of credentials in a lockfile; empty when there are none.
func CredentialsWarning(file string, text []byte) string {
	line := Credentials(text)
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d has an address with credentials. Whoever reads the source or the image has them: take them out of the file, and give the build "+
		"a token for that host, as a variable or a service binding.", file, line)
}
