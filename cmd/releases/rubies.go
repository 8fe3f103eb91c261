package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// portable is one of the portable builds, as GitHub lists them: https://docs.github.com/en/rest/releases/releases#list-releases.
type portable struct {
	TagName    string `json:"tag_name"`
	Prerelease bool
	Draft      bool
	Assets     []struct{ Name, Digest string }
}

// withBranches gives the lines of Ruby their ends: https://github.com/ruby/www.ruby-lang.org/blob/master/_data/branches.yml.
func (i inventory) withBranches(text []byte) (inventory, error) {
	var branches []struct {
		Name     string
		End      string `yaml:"eol_date"`
		Expected string `yaml:"expected_eol_date"`
	}
	if err := yaml.Unmarshal(text, &branches); err != nil {
		return i, fmt.Errorf("read the branches of Ruby: %w", err)
	}
	i.Rubies = maps.Clone(i.Rubies)
	for _, b := range branches {
		if _, known := i.Rubies[b.Name]; !known {
			continue
		}
		// Both may be words, such as "TBD".
		for _, date := range []string{b.End, b.Expected} {
			if _, err := time.Parse(time.DateOnly, date); err == nil {
				i.Rubies[b.Name] = rubyLine{EndOfLife: date}
				break
			}
		}
	}
	return i, nil
}

// withPortable adds the builds of Ruby that GitHub lists and the inventory lacks, of lines that it knows, and says which. A newer build
// of a version that it has is left: its bytes would be others for the same version.
func (i inventory) withPortable(text []byte) (inventory, []string, error) {
	var builds []portable
	if err := json.Unmarshal(text, &builds); err != nil {
		return i, nil, fmt.Errorf("read the builds of Ruby: %w", err)
	}
	known := map[string]bool{}
	for _, row := range i.Ruby {
		known[row.Version] = true
	}
	var added []string
	for _, b := range builds {
		version, _, found := cutLast(b.TagName, "-")
		line, _, _ := cutLast(version, ".")
		if _, wanted := i.Rubies[line]; !found || !wanted || known[version] || b.Draft || b.Prerelease || strings.Contains(version, "-") {
			continue
		}
		row := ruby{Version: version, Build: b.TagName}
		for _, asset := range b.Assets {
			sum, ok := strings.CutPrefix(asset.Digest, "sha256:")
			if !ok || len(sum) != 64 {
				continue
			}
			switch asset.Name {
			case "ruby-" + version + ".x86_64_linux.tar.gz":
				row.AMD64.SHA256 = sum
			case "ruby-" + version + ".arm64_linux.tar.gz":
				row.ARM64.SHA256 = sum
			}
		}
		if row.AMD64 == (pin{}) && row.ARM64 == (pin{}) {
			continue
		}
		known[version] = true
		i.Ruby = append(slices.Clone(i.Ruby), row)
		added = append(added, "Ruby "+version)
	}
	slices.SortStableFunc(i.Ruby, func(a, b ruby) int { return compareVersions(b.Version, a.Version) })
	return i, added, nil
}

// cutLast cuts a text around the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	n := strings.LastIndex(text, separator)
	if n < 0 {
		return text, "", false
	}
	return text[:n], text[n+len(separator):], true
}
