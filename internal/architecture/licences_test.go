package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// licences are those that Gantry's programs may contain, by words that only their texts have.
var licences = map[string]*regexp.Regexp{
	"Apache-2.0": regexp.MustCompile(`Apache License\s+Version 2\.0`),
	"MIT":        regexp.MustCompile(`Permission is hereby granted, free of charge, to any person obtaining\s+a\s+copy`),
	"BSD":        regexp.MustCompile(`Redistribution and use in source and binary forms, with or without\s+modification, are permitted`),
	"MPL-2.0":    regexp.MustCompile(`Mozilla Public License,? [Vv]ersion 2\.0`),
	"ISC":        regexp.MustCompile(`Permission to use, copy, modify, and(/or)? distribute this software for any\s+purpose with or without fee`),
}

var refused = regexp.MustCompile(`(?i)GNU (Affero |Lesser )?General Public License|Business Source License|Server Side Public License`)

// Every module in a program has a licence that anybody can live with.
func TestLicences(t *testing.T) {
	g := NewWithT(t)
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "./cmd/...")
	list.Dir = "../.."
	out, err := list.Output()
	g.Expect(err).NotTo(HaveOccurred())
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		module, folder, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || seen[module] {
			continue
		}
		seen[module] = true
		text := licenceOf(folder)
		known := ""
		for name, words := range licences {
			if words.MatchString(text) {
				known = name
			}
		}
		g.Expect(known).NotTo(BeEmpty(), "the licence of "+module+" is none of Apache-2.0, MIT, BSD, MPL-2.0 and ISC")
		if known != "MPL-2.0" {
			g.Expect(refused.FindString(text)).To(BeEmpty(), "the licence of "+module)
		}
	}
	g.Expect(len(seen)).To(BeNumerically(">", 30))
}

// licenceOf is the text of a module's licences.
func licenceOf(folder string) string {
	var text strings.Builder
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "license*", "License*"} {
		files, _ := filepath.Glob(filepath.Join(folder, pattern))
		for _, file := range files {
			content, _ := os.ReadFile(file)
			text.Write(content)
		}
	}
	return text.String()
}
