package crash

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestRedact(t *testing.T) {
	values := secrets([]string{"STRIPE_KEY=sk-live-1234", "LONG_TOKEN=sk-live-1234-and-more", "NAME=Ada Lovelace", "PIN_SECRET=1234", "CODE=declared-77"}, []string{"CODE"})
	for text, want := range map[string]string{
		"a sk-live-1234 b":                     "a *** b",
		"sk-live-1234-and-more":                "***",
		"Ada Lovelace, declared-77":            "Ada Lovelace, ***",
		"1234":                                 "1234",
		"redis://:hunter2@cache:6379/0":        "redis://***@cache:6379/0",
		"see https://example.com/a?b=c@d for":  "see https://example.com/a?b=c@d for",
		"postgres://u:p%40ss@db and ftp://x:y": "postgres://***@db and ftp://x:y",
		"a://b:c@d\ne://f:g@h":                 "a://***@d\ne://***@h",
		"git://user@host/":                     "git://user@host/",
		"://":                                  "://",
	} {
		NewWithT(t).Expect(redact(text, values)).To(Equal(want), text)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("postgres://u:p@h/x ://a:@", "secret")
	f.Fuzz(func(t *testing.T, text, value string) {
		redact(text, []string{value + "123456"})
	})
}
