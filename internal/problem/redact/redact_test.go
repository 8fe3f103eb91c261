package redact_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"clone -- https://user:s3cret@git.example/x.git /tmp": "clone -- https://user:***@git.example/x.git /tmp",
		"https://ghp_token@github.com/a/b":                    "https://***@github.com/a/b",
		"'git+https://x-access-token:t@github.com/a'":         "'git+https://x-access-token:***@github.com/a'",
		"ssh://git@github.com/a and git@github.com:a/b":       "ssh://git@github.com/a and git@github.com:a/b",
		"postgres://app:pw@db:5432/x?a=b redis://:pw@r:6379":  "postgres://app:***@db:5432/x?a=b redis://:***@r:6379",
		"https://registry.example/@scope/name":                "https://registry.example/@scope/name",
		"https://host:8080/a@b":                               "https://host:8080/a@b",
		"https://host/?mail=a@b http://a b@c":                 "https://host/?mail=a@b http://a b@c",
		"no address, me@example.com":                          "no address, me@example.com",
	} {
		NewWithT(t).Expect(redact.Addresses(text)).To(Equal(want))
	}
}
