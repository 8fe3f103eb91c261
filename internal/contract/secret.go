package contract

import (
	"regexp"
	"strings"
	"sync"
)

// secretName is compiled when it is needed: this is part of every container start.
var secretName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PRIVATE|CREDENTIAL|KEY|DSN$|SALT$|_PASS$|_PWD$|^PASS$)`)
})

// publicName is where KEY is no secret: a public key, the name or the id of one.
var publicName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(^|_)PUBLIC|PUBLISHABLE|KEYS?_?(ID|NAME|PATH|FILE|PREFIX|TYPE|SIZE|LENGTH)$|KEYBOARD|KEYWORD|KEYCLOAK_(URL|REALM)|TOKEN_?(URL|TTL|EXPIR\w*|LIFETIME|TYPE|NAME|ISSUER|AUDIENCE)$|PASSWORD_?(MIN|MAX|LENGTH|RESET|POLICY)\w*$`)
})

// SecretName reports whether a variable of this name holds a secret, as people name them.
func SecretName(name string) bool {
	return secretName().MatchString(name) && !publicName().MatchString(name)
}

// userInfo is an address with a user and a password.
var userInfo = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][\w+.-]*://[^/\s:@]*:[^\s@]+@`) })

// HasPassword reports whether a value is an address that holds a password, or a private key.
func HasPassword(value string) bool {
	return userInfo().MatchString(value) || strings.Contains(value, "PRIVATE KEY-----")
}

// shortest is the length from which on a secret's value is looked for in other values, in bytes: shorter ones are found in many.
const shortest = 4

// holdsSecret reports whether a text holds the value of a variable that is a secret, by the contract or by its name.
func holdsSecret(text string, c Contract, values map[string]string) bool {
	for name, value := range values {
		v := c.Variable(name)
		if len(value) >= shortest && (v != nil && v.Secret || SecretName(name)) && strings.Contains(text, value) {
			return true
		}
	}
	return false
}
