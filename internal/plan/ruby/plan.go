package ruby

import (
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
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Language is the name of the toolchain in plans, and in the build plan.
const Language = "ruby"

// keeps are where RubyGems, Bundler and Bootsnap keep what makes their next run faster.
var keeps = []string{".gem", ".bundle/cache", "bootsnap*"}

// Plan decides what is to be done.
func (p *Project) Plan(releases inventory.Catalog) (plan.Plan, error) {
	release, version, warnings, err := p.chooseRelease(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	limit, err := units.FromHumanSize(p.settings.CacheLimit.Value)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("read the limit of caches: %w", err)
	}
	gems, err := p.packages(release)
	if err != nil {
		return plan.Plan{}, err
	}
	assets := p.assets()
	needs := p.needs()
	started, err := p.processes(release.Version)
	if err != nil {
		return plan.Plan{}, err
	}
	for _, file := range []string{p.files.gemfile, p.files.lock} {
		if warning := lockfile.CredentialsWarning(p.in(file), []byte(p.read(file))); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	notes := plan.Notes{Decisions: []plan.Decision{version}, Warnings: append(warnings, p.writtenFiles()...)}
	for _, n := range []plan.Notes{gems.notes, assets.notes, needs.notes, started.notes} {
		notes = notes.And(n)
	}
	programs := []string{p.in(gemHome(release.Version)) + "/bin"}
	build := assets.build
	build.CacheLimit = limit
	made := plan.Plan{
		Decisions: notes.Decisions, Warnings: notes.Warnings,
		Toolchains: []plan.Toolchain{{
			Language: Language, LayerPrefix: "ruby-", Runtime: p.runtime(release), Env: merge(gems.buildEnv, assets.buildEnv), Fixed: gems.fixed,
			// Programs of gems, and gems, are found without Bundler, too.
			Path: programs, Wrappers: []plan.Wrapper{{Words: "bundle exec", OnlyPackages: bundledPrograms}}, HomeFiles: homeFiles, Keeps: keeps, Agent: rubyAgent(),
		}},
		Installs: []plan.Install{gems.install},
		Build:    build,
		Image: plan.Image{
			Processes: started.processes, Otherwise: started.otherwise, Needs: needs.needs, Labels: p.labels(),
			Environment: plan.Environment{
				Variables: merge(p.launchEnv(release.Version), gems.launchEnv, started.env), Path: programs, Files: merge(gems.files, started.files),
			},
			Source: plan.SourceFiles{Remove: slices.Concat(gems.remove, assets.remove, needs.remove), Folders: started.folders, Slices: assets.slices},
		},
	}
	if p.isSite() {
		return p.onlySite(made), nil
	}
	return made, nil
}

// runtime is a release of Ruby, and what of it is needed for what.
func (p *Project) runtime(release plan.Release) plan.Runtime {
	return plan.Runtime{
		Title: "Ruby", Release: release, ABI: line(release.Version),
		Source: plan.Source{From: plan.SourceOfficial, Setting: "BP_RUBY_ARCHIVE", Root: "bin/ruby"},
		Files:  p.rubyFiles(), Programs: []string{"bin/ruby"},
		Essential: map[string]string{
			"bin/ruby": "Ruby", "lib/libruby*.so*": "Ruby", "**/psych.so": "Ruby (psych)", "**/openssl.so": "Ruby (openssl)", "**/zlib.so": "Ruby (zlib)", "**/etc.so": "Ruby",
		},
	}
}

// bundledPrograms come with gems that are bundled with Ruby: a bundle has them only where it names the gem. https://stdgems.org.
var bundledPrograms = []string{"rake", "racc", "rbs", "typeprof", "rdbg", "test-unit"}

// rubyAgent lets people look into processes of Ruby.
func rubyAgent() *plan.Agent {
	return &plan.Agent{
		Files:    map[string]string{agent.ScriptFile: agent.Script, agent.ProfilesFile: agent.Profiles, agent.RequestsFile: agent.Requests, agent.NoYJITFile: agent.NoYJIT},
		Sources:  map[string]string{agent.SamplerSource: agent.Sampler, agent.ObjectsSource: agent.Objects},
		Compile:  plan.Command{Title: "compile the sampler", Args: []string{"ruby", "--disable=gems", "-rrbconfig", "-e", agent.Compile}},
		Compiled: agent.SamplerFile,
	}
}

// launchEnv are the variables of the running application.
func (p *Project) launchEnv(ruby string) map[string]string {
	env := map[string]string{
		"RACK_ENV": "production", "RAILS_ENV": "production", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2",
		"BUNDLE_PATH": plan.AppDir + "/" + p.in(bundleDir), "BUNDLE_FROZEN": "true", "BUNDLE_VERSION": "system", "GEM_PATH": plan.AppDir + "/" + p.in(gemHome(ruby)),
		// Bundler complains where it cannot write into HOME.
		"BUNDLE_USER_HOME": "/tmp/.bundle",
	}
	if p.rails() {
		maps.Copy(env, map[string]string{
			"RAILS_LOG_TO_STDOUT": "1", "RAILS_SERVE_STATIC_FILES": "1", "BOOTSNAP_READONLY": "true",
		})
	}
	if strings.Contains(p.read("config/puma.rb"), "tmp/pids") {
		// That folder is not there, or cannot be written to; older Rails has Puma write its number into it.
		env["PIDFILE"] = pidFile
	}
	return env
}

// merge gives the entries of all maps; later ones count. It is nil without any.
func merge(all ...map[string]string) map[string]string {
	merged := map[string]string{}
	for _, more := range all {
		maps.Copy(merged, more)
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
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

// homeFiles are where Bundler and RubyGems look for what only the user of a build may know, by the types of bindings; one has two names.
var homeFiles = map[string]string{"bundle": ".bundle/config", "bundle-config": ".bundle/config", "gemrc": ".gemrc", "gem-credentials": ".gem/credentials"}
