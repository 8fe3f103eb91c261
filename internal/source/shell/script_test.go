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
		"a shell's first line":       {file: "start", text: "#!/bin/sh\nnode a\n", want: true},
		"found by env":               {file: "start", text: "#!/usr/bin/env bash\n", want: true},
		"with options":               {file: "start", text: "#! /bin/bash -e\r\n", want: true},
		"another language":           {file: "start.sh", text: "#!/usr/bin/env node\n", want: false},
		"a fish is no shell of ours": {file: "start", text: "#!/usr/bin/fish\n", want: false},
		"by its name":                {file: "start.sh", text: "node a\n", want: true},
		"another name":               {file: "start", text: "node a\n", want: false},
		"a program":                  {file: "start.sh", text: "\x7fELF\x00", want: false},
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
