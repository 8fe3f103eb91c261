package redact

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestFind(t *testing.T) {
	body := strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", 3)
	for name, c := range map[string]struct {
		text string
		want []Found
	}{
		"nothing":               {"const a = 1\npassword = process.env.PASSWORD\n", nil},
		"a private key":         {"x\n-----BEGIN RSA PRIVATE KEY-----\n" + body + "\n", []Found{{2, "a private key"}}},
		"an encrypted key":      {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + body + "\n", []Found{{1, "a private key"}}},
		"words about a key":     {`if (text.includes("-----BEGIN PRIVATE KEY-----")) throw 1`, nil},
		"a token of GitHub":     {"a\nb ghp_" + strings.Repeat("a1", 18), []Found{{2, "a token of GitHub"}}},
		"a token of npm":        {"npm_" + strings.Repeat("a1", 18), []Found{{1, "a token of npm"}}},
		"AWS":                   {"key=AKIA" + strings.Repeat("A1", 8), []Found{{1, "a token of AWS"}}},
		"npmrc":                 {"//npm.example.com/:_authToken=0123456789abcdef\n", []Found{{1, "a token of a registry"}}},
		"npmrc with a variable": {"//npm.example.com/:_authToken=${NPM_TOKEN}\n", nil},
		"a comment":             {"# //npm.example.com/:_authToken=0123456789abcdef\n", nil},
		"an address":            {"url: postgres://shop:hunter22@db.internal/shop", []Found{{1, "an address with a password"}}},
		"an address without":    {"https://user@example.com http://a:8080/x@1 postgres://${USER}:${PASS}@db/x", nil},
		"a key in JSON":         {`{"private_key": "-----BEGIN PRIVATE KEY-----\n` + body + `\n"}`, []Found{{1, "a private key"}}},
		"npmrc without a host":  {"_authToken=0123456789abcdef\n", []Found{{1, "a token of a registry"}}},
		"Yarn":                  {"npmAuthToken: \"0123456789abcdef\"\n", []Found{{1, "a token of a registry"}}},
		"what stands for one":   {"//npm.example.com/:_authToken=YOUR_TOKEN_HERE\n//r/:_authToken=<your-token-here>\n//r/:_authToken=%NPM_TOKEN%\n", nil},
		"addresses of examples": {"postgres://user:password@localhost/x http://user:pass@example.com redis://:****@cache mysql2://USER:PASSWORD@HOST/x postgres://postgres:postgres@db postgres://shop:s3cret@127.0.0.1/x", nil},
		"a style sheet":         {".sk-folding-cube-animation-delayed {}", nil},
		"keys for browsers":     {"pk_live_0123456789abcdef AIza" + strings.Repeat("a1", 18), nil},
		"a JWT":                 {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdef", nil},
	} {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(Find(c.text)).To(Equal(c.want)) })
	}
}

func FuzzFind(f *testing.F) {
	f.Add("-----BEGIN PRIVATE KEY-----\n\n://:@")
	f.Fuzz(func(t *testing.T, text string) {
		for _, found := range Find(text) {
			if found.Line < 1 || found.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of %q", found.Line, text)
			}
		}
	})
}
