package ruby

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

// gemMarkers tell that a gem is installed: the lockfile does not say which gems are those of a group that is left out.
var gemMarkers = []string{
	"ruby/*/specifications/{name}-{version}{,-*}.gemspec", "ruby/*/bundler/gems/**/{name}.gemspec",
	plan.ToolchainDir + "/lib/ruby/gems/*/specifications/default/{name}-{version}.gemspec",
}

// list names the gems for the bill of materials. Of a gem for several platforms, the one that Bundler prefers counts.
func (p *Project) list(arch string) plan.PackageList {
	list := plan.PackageList{Type: "gem", Markers: gemMarkers}
	chosen := p.chosen(arch)
	for name, s := range chosen {
		item := plan.Package{Key: name, Name: name, Version: s.Version}
		if sum, err := hex.DecodeString(s.SHA256); err == nil && len(sum) == 32 {
			item.Integrity = "sha256-" + base64.StdEncoding.EncodeToString(sum)
		}
		for _, need := range s.Needs {
			if _, known := chosen[need]; known {
				item.Needs = append(item.Needs, need)
			}
		}
		list.Packages = append(list.Packages, item)
		list.AtLaunch = append(list.AtLaunch, name)
	}
	slices.SortFunc(list.Packages, func(a, b plan.Package) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(list.AtLaunch)
	for _, name := range p.gems.Dependencies {
		if _, known := chosen[name]; known {
			list.DependsOn = append(list.DependsOn, name)
		}
	}
	slices.Sort(list.DependsOn)
	return list
}

// chosen are the gems that Bundler installs on an architecture, by their names.
func (p *Project) chosen(arch string) map[string]gemfile.Spec {
	chosen := map[string]gemfile.Spec{}
	rank := func(s gemfile.Spec) int {
		switch {
		case !p.bundler.sourceGems && (s.Platform == platforms[arch] || s.Platform == platforms[arch]+"-gnu"):
			return 2
		case s.Platform == "ruby":
			return 1
		}
		return 0
	}
	for _, s := range p.gems.Specs {
		if rank(s) > 0 && rank(s) > rank(chosen[s.Name]) && s.Source != "PATH" {
			chosen[s.Name] = s
		}
	}
	return chosen
}
