package redact

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Found is a credential in a text. Its value is not kept.
type Found struct {
	// Line counts from 1. Kind is for people: "a private key".
	Line int
	Kind string
}

var (
	wholeKey = lazyregexp.New(`-----BEGIN ([A-Z]+ )*PRIVATE KEY-----\s+(?:[A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/=]{40}`)
	// npm's, with a value of its own and not a variable's: https://docs.npmjs.com/cli/v11/configuring-npm/npmrc#auth-related-configuration
	npmToken = lazyregexp.New(`(?m)^[^#;\n]*:_(?:authToken|auth|password)\s*=\s*["']?[^\s"'$]{8,}`)
	address  = lazyregexp.New(`\b[a-z][a-z0-9+.-]*://[^\s/:@"'<>{}$]*:[^\s/:@"'<>{}$]{3,}@[A-Za-z0-9.-]+`)
)

// issuers are those of tokens, by how these begin.
var issuers = []struct{ prefix, name string }{
	{"sk_", "Stripe"}, {"rk_", "Stripe"}, {"pk_live", "Stripe"}, {"sk-", "an API of language models"}, {"gh", "GitHub"}, {"glpat-", "GitLab"}, {"npm_", "npm"}, {"xox", "Slack"}, {"AKIA", "AWS"}, {"ASIA", "AWS"},
	{"AIza", "Google"}, {"SG.", "SendGrid"},
}

// Find gives what is a credential for certain, or nearly: private keys, tokens by the forms that their issuers publish, npm's tokens, and addresses with a
// password. What only may be one, as "password=…" in code, is not among them.
func Find(text string) []Found {
	var list []Found
	add := func(at int, kind string) {
		list = append(list, Found{Line: strings.Count(text[:at], "\n") + 1, Kind: kind})
	}
	for _, at := range wholeKey().FindAllStringIndex(text, -1) {
		add(at[0], "a private key")
	}
	for _, at := range issued().FindAllStringIndex(text, -1) {
		token := text[at[0]:at[1]]
		// Three parts with points between them are JWTs, which are in tests and docs, and expire.
		if strings.HasPrefix(token, "eyJ") {
			continue
		}
		kind := "a token"
		for _, issuer := range issuers {
			if strings.HasPrefix(token, issuer.prefix) {
				kind = "a token of " + issuer.name
				break
			}
		}
		add(at[0], kind)
	}
	for _, at := range npmToken().FindAllStringIndex(text, -1) {
		add(at[1]-1, "a token of a registry")
	}
	for _, at := range address().FindAllStringIndex(text, -1) {
		add(at[0], "an address with a password")
	}
	return list
}
