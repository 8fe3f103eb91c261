package shell_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

func TestScriptFile(t *testing.T) {
	for text, want := range map[string]string{
		"./start.sh":          "./start.sh",
		"bin/start --fast":    "bin/start",
		"sh start.sh":         "start.sh",
		"/bin/bash -eu run a": "run",
		"sh -c 'node a'":      "",
		"bash":                "",
		"node start.sh":       "",
		"start":               "",
	} {
		words, ok := shell.Words(text)
		NewWithT(t).Expect(ok).To(BeTrue())
		NewWithT(t).Expect(shell.ScriptFile(words)).To(Equal(want), text)
	}
	NewWithT(t).Expect(shell.ScriptFile(nil)).To(BeEmpty())
}

func TestIsScript(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       bool
	}{
		"a shell's first line":       {"start", "#!/bin/sh\nnode a\n", true},
		"found by env":               {"start", "#!/usr/bin/env bash\n", true},
		"with options":               {"start", "#! /bin/bash -e\r\n", true},
		"another language":           {"start.sh", "#!/usr/bin/env node\n", false},
		"a fish is no shell of ours": {"start", "#!/usr/bin/fish\n", false},
		"by its name":                {"start.sh", "node a\n", true},
		"another name":               {"start", "node a\n", false},
		"a program":                  {"start.sh", "\x7fELF\x00", false},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(shell.IsScript(c.file, []byte(c.text))).To(Equal(c.want))
		})
	}
}

func TestStaysBehindScript(t *testing.T) {
	for text, want := range map[string]bool{
		"#!/bin/sh\nnode a\n":                        true,
		"#!/bin/sh\nmigrate && node a\n":             true,
		"#!/bin/sh\nmigrate\nexec node a\n":          false,
		"#!/bin/sh\nmigrate && exec node a\n":        false,
		"#!/bin/sh\ntrap 'kill $!' TERM\nnode a &\n": false,
		"#!/bin/sh\n# exec is better\necho trap a\n": true,
		"#!/usr/bin/env node\n":                      false,
	} {
		read := func(name string) ([]byte, bool, error) { return []byte(text), name == "bin/start", nil }
		g := NewWithT(t)
		g.Expect(shell.StaysBehindScript([]string{"bin/start"}, read)).To(Equal(want), text)
		g.Expect(shell.StaysBehindScript([]string{"bin/other"}, read)).To(BeFalse())
		g.Expect(shell.StaysBehindScript([]string{"node", "bin/start"}, read)).To(BeFalse())
	}
	read := func(string) ([]byte, bool, error) { return []byte("node a"), true, nil }
	NewWithT(t).Expect(shell.StaysBehindScript([]string{"sh", "start"}, read)).To(BeTrue())
}
