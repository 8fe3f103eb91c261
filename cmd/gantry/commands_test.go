package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "write docs/commands.md")

// The page of commands says what they say of themselves: go test ./cmd/gantry -run TestCommandsPage -update.
func TestCommandsPage(t *testing.T) {
	g := NewWithT(t)
	// The folder is another one for each user.
	t.Setenv("XDG_CACHE_HOME", "/home/you/.cache")
	t.Setenv("CI", "")
	var page strings.Builder
	head, err := os.ReadFile("testdata/commands-head.md")
	g.Expect(err).NotTo(HaveOccurred())
	page.Write(head)
	for _, c := range all(newRoot()) {
		if c.Hidden || c.Name() == "help" || c.HasParent() && c.Parent().Name() == "completion" || c.Name() == "completion" {
			continue
		}
		out, _, _ := call(t, append(path(c), "--help")...)
		page.WriteString("\n## " + c.CommandPath() + "\n\n")
		for line := range strings.Lines(out) {
			if strings.TrimSpace(line) != "" {
				page.WriteString("    ")
			}
			page.WriteString(line)
		}
	}
	const file = "../../docs/commands.md"
	if *update {
		g.Expect(os.WriteFile(file, []byte(page.String()), 0o644)).To(Succeed())
	}
	text, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(Equal(page.String()), "go test ./cmd/gantry -run TestCommandsPage -update")
}
