package lockfile_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

func TestCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"user and password": {text: "{\n\"resolved\": \"https://me:pw@npm.example/a.tgz\"", line: 2},
		"a token":           {text: "resolved \"http://0123abcd@npm.example/a.tgz\"", line: 1},
		"a parameter":       {text: "x\n\nresolved \"https://npm.example/a.tgz?token=0123\"", line: 3},
		"a signed address":  {text: "https://npm.example/a.tgz?v=1&sig=0123", line: 1},
		"of Bundler":        {text: "GEM\n  remote: https://user:pw@gems.example/\n", line: 2},
		"a scope":           {text: "https://registry.npmjs.org/@scope/a/-/a-1.0.0.tgz"},
		"git's own user":    {text: "git+https://git@github.com/a/b.git#0123"},
		"SSH":               {text: "git+ssh://git@github.com/a/b.git#0123"},
		"a variable":        {text: "https://${TOKEN}@npm.example/a.tgz?token=${TOKEN}"},
		"an integrity":      {text: "https://npm.example/a.tgz#sha512-abc=="},
		"a mail address":    {text: "\"funding\": \"https://example.com/me\", \"author\": \"me@example.com\""},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(lockfile.Credentials([]byte(c.text))).To(Equal(c.line))
		})
	}
}
