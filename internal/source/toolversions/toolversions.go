// Package toolversions reads the files in which version managers keep the versions of tools: the version, and its line from
// 1. names are those that a tool has in them.
package toolversions

import (
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gantry-buildpack/gantry/internal/source/tomlbounds"
)

// FirstLine reads a file that holds nothing but a version: https://github.com/nvm-sh/nvm#nvmrc.
func FirstLine(text string) (version string, number int) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			return line, i + 1
		}
	}
	return "", 0
}

// ToolVersions reads asdf's file; of several versions the first counts:
// https://asdf-vm.com/manage/configuration.html#tool-versions.
func ToolVersions(text string, names ...string) (version string, number int) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) > 1 && slices.Contains(names, words[0]) && words[1] != "system" {
			return words[1], i + 1
		}
	}
	return "", 0
}

// Mise reads [tools] of mise's file: https://mise.jdx.dev/configuration.html#tools. One that is no TOML says
// nothing; mise itself complains of it.
func Mise(text string, names ...string) (version string, number int) {
	var file struct{ Tools map[string]any }
	if tomlbounds.Check([]byte(text)) != nil || toml.Unmarshal([]byte(text), &file) != nil {
		return "", 0
	}
	for _, name := range names {
		value := file.Tools[name]
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		if table, ok := value.(map[string]any); ok {
			value = table["version"]
		}
		if version, ok := value.(string); ok && version != "system" {
			for i, line := range strings.Split(text, "\n") {
				key, _, _ := strings.Cut(line, "=")
				if strings.Trim(key, " \t\"'") == name {
					number = i + 1
				}
			}
			return version, number
		}
	}
	return "", 0
}
