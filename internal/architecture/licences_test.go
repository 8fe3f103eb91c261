package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// licences are those that Gantry's programs may contain, by words that only their texts have.
var licences = map[string]string{
	"Apache-2.0": "Apache License Version 2.0",
	"MIT":        "Permission is hereby granted, free of charge, to any person obtaining a copy",
	"BSD":        "Redistribution and use in source and binary forms, with or without modification, are permitted",
	"MPL-2.0":    "Mozilla Public License, version 2.0",
	"public":     "into the public domain",
	"ISC":        "Permission to use, copy, modify, and distribute this software for any purpose with or without fee",
}

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
			if strings.Contains(strings.ToLower(text), strings.ToLower(words)) {
				known = name
			}
		}
		g.Expect(known).NotTo(BeEmpty(), "the licence of "+module+" is not one of those that are allowed")
	}
	g.Expect(len(seen)).To(BeNumerically(">", 30))
}

// licenceOf is the text of a module's licences, in one line.
func licenceOf(folder string) string {
	var text strings.Builder
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "license*", "License*"} {
		files, _ := filepath.Glob(filepath.Join(folder, pattern))
		for _, file := range files {
			content, _ := os.ReadFile(file)
			text.Write(content)
		}
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(text.String(), "\n> ", "\n")), " ")
}
