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
	// In JSON and in .env files the ends of lines are written \\n.
	wholeKey = lazyregexp.New(`-----BEGIN ([A-Z]+ )*PRIVATE KEY-----(?:\s|\\r|\\n)+(?:[A-Za-z-]+: [^\n\\]*(?:\s|\\n)+)*[A-Za-z0-9+/=]{40}`)
	// npm's, with a value of its own and not a variable's: https://docs.npmjs.com/cli/v11/configuring-npm/npmrc#auth-related-configuration; and Yarn's.
	npmToken = lazyregexp.New(`(?m)^[^#;\n]*(?:(?:^|:)_(?:authToken|auth|password)\s*=|npmAuth(?:Token|Ident):)\s*["']?([^\s"']{8,})`)
	address  = lazyregexp.New(`(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@"'<>{}$]*:([^\s/:@"'<>{}$%][^\s/@"'<>{}$%]{2,})@([A-Za-z0-9.-]+)`)
)

// examples are words in values that stand for a secret, and are none.
var examples = lazyregexp.New(`(?i)^(?:your|my|the|some|example|sample|test|dummy|fake|change|replace|insert)[-_]|password|passwd|^pass$|secret|token|^user|^x+$|xxx|\*\*|^<|^%|\$\{|\.\.\.|changeme|foobar|^postgres$|^root$|^admin$|^guest$|^redis$|^mysql$`)

// isExample reports whether a value stands for a secret.
func isExample(value string) bool {
	return examples().MatchString(value) || value == strings.ToUpper(value) && !strings.ContainsAny(value, "0123456789")
}

// isLocal reports whether a host is this machine, or one of the names that are kept for examples: RFC 2606.
func isLocal(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "example.") || strings.Contains(host, ".example.") || strings.HasSuffix(host, ".example") || strings.EqualFold(host, "HOST") || strings.HasSuffix(host, ".test")
}

// issuers are those of tokens, by how these begin.
var issuers = []struct{ prefix, name string }{
	{"sk_", "Stripe"}, {"rk_", "Stripe"}, {"sk-", "an API of language models"}, {"gh", "GitHub"}, {"glpat-", "GitLab"}, {"npm_", "npm"}, {"xox", "Slack"}, {"AKIA", "AWS"}, {"ASIA", "AWS"},
	{"SG.", "SendGrid"},
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
		switch {
		case strings.HasPrefix(token, "eyJ"), strings.HasPrefix(token, "pk_"), strings.HasPrefix(token, "AIza"):
			// JWTs are in tests and docs, and expire; these keys of Stripe's and Google's are for browsers.
			continue
		case strings.HasPrefix(token, "sk-") && (!strings.ContainsAny(token, "0123456789") || token == strings.ToLower(token)):
			// The names of classes of style sheets look like that.
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
	for _, at := range npmToken().FindAllStringSubmatchIndex(text, -1) {
		if value := text[at[2]:at[3]]; !isExample(value) && !strings.Contains(value, "$") {
			add(at[2], "a token of a registry")
		}
	}
	for _, at := range address().FindAllStringSubmatchIndex(text, -1) {
		if !isExample(text[at[2]:at[3]]) && !isLocal(text[at[4]:at[5]]) {
			add(at[0], "an address with a password")
		}
	}
	return list
}
