package ruby

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	units "github.com/docker/go-units"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Plan decides what is to be done.
func (p *Project) Plan(releases inventory.Catalog) (plan.Plan, error) {
	release, version, notes, err := p.chooseRelease(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	gems := p.in(gemHome(release.Version))
	out := plan.Plan{
		Language: "ruby", LayerPrefix: "ruby-", Decisions: []plan.Decision{version}, Warnings: notes,
		BuildEnv: p.bundlerEnv(gems),
		// Programs of gems, and gems, are found without Bundler, too.
		LaunchPath: []string{gems + "/bin"},
		LaunchEnv: map[string]string{
			"RACK_ENV": "production", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2",
			"BUNDLE_PATH": plan.AppDir + "/" + p.in(bundleDir), "BUNDLE_WITHOUT": p.without(), "BUNDLE_FROZEN": "true", "BUNDLE_VERSION": "system", "GEM_PATH": plan.AppDir + "/" + gems,
			// Bundler complains where it cannot write into HOME.
			"BUNDLE_USER_HOME": "/tmp/.bundle",
		},
		Labels:    p.labels(),
		HomeFiles: map[string]string{"bundle": ".bundle/config", "gemrc": ".gemrc"},
		Runtime: plan.Runtime{
			Title: "Ruby", License: "BSD-2-Clause OR Ruby", CPE: "ruby-lang:ruby", Release: release, ABI: line(release.Version), Source: plan.SourceOfficial,
			SourceSetting: "BP_RUBY_ARCHIVE", Root: "bin/ruby",
			Launch: []string{"bin", "lib", "LICENSE", "COPYING", "BSDL"}, Programs: []string{"bin/ruby"},
			Essential: map[string]string{
				"bin/ruby": "Ruby", "lib/libruby*.so*": "Ruby", "**/psych.so": "Ruby (psych)", "**/openssl.so": "Ruby (openssl)", "**/zlib.so": "Ruby (zlib)", "**/etc.so": "Ruby",
			},
			NotForBuild: []string{"share/doc", "share/man", "share/ri"},
			NotAtLaunch: slices.Clone(rubyLeftOut),
		},
	}
	p.shadowed(&out.Runtime)
	out.Agent = &plan.Agent{
		Files:    map[string]string{agent.ScriptFile: agent.Script, agent.ProfilesFile: agent.Profiles, agent.RequestsFile: agent.Requests},
		Sources:  map[string]string{agent.SamplerSource: agent.Sampler},
		Compile:  plan.Command{Title: "compile the sampler", Args: []string{"ruby", "--disable=gems", "-rrbconfig", "-e", agent.Compile}},
		Compiled: agent.SamplerFile,
	}
	if out.CacheLimit, err = units.FromHumanSize(p.settings.CacheLimit.Value); err != nil {
		return plan.Plan{}, fmt.Errorf("read the limit of caches: %w", err)
	}
	gemsFrom := fmt.Sprintf("from %s, %d gems", p.in(p.files.lock), len(p.gems.Specs))
	if !p.locked {
		gemsFrom = fmt.Sprintf("from %s, there is no %s", p.in(p.files.gemfile), p.files.lock)
	}
	bundler, _ := p.bundler(release.Version)
	out.Decisions = append(out.Decisions, plan.Decision{Subject: "gems", Value: "Bundler " + cmp.Or(bundler, "of Ruby"), Origin: gemsFrom + ", without " + p.without()})
	if p.rails() {
		maps.Copy(out.LaunchEnv, map[string]string{
			"RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1", "RAILS_SERVE_STATIC_FILES": "1", "BOOTSNAP_READONLY": "true",
		})
	}
	if strings.Contains(p.read("config/puma.rb"), "tmp/pids") {
		// That folder is not there, or cannot be written to; older Rails has Puma write its number into it.
		out.LaunchEnv["PIDFILE"] = pidFile
	}
	if err := p.packages(&out); err != nil {
		return plan.Plan{}, err
	}
	p.bootsnap(&out)
	p.assets(&out)
	p.config(&out)
	if err := p.processes(&out); err != nil {
		return plan.Plan{}, err
	}
	if p.rails() && slices.ContainsFunc(out.Processes, startsRailsServer) {
		// It makes them first of all, and writes its number: railties, lib/rails/commands/server/server_command.rb.
		out.Folders = []string{p.in("tmp/cache"), p.in("tmp/pids"), p.in("tmp/sockets")}
		out.LaunchEnv["PIDFILE"] = pidFile
	}
	return out, nil
}

// pidFile is where a server writes the number of its process.
const pidFile = "/tmp/puma.pid"

var railsServer = lazyregexp.New(`(?:^|[\s/'])rails'? +'?s(?:erver)?(?:['\s]|$)`)

func startsRailsServer(q plan.Process) bool { return railsServer().MatchString(q.String()) }

// labels describe the image: https://github.com/opencontainers/image-spec/blob/main/annotations.md.
func (p *Project) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	revision, remote := p.app.Git()
	list := map[string]string{prefix + "revision": revision, prefix + "source": app.WebAddress(remote)}
	maps.DeleteFunc(list, func(_, value string) bool { return value == "" })
	return list
}
