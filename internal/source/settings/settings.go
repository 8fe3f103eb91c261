// Package settings is what steers a build: platform variables (BP_…) over [dev.gantry] in project.toml. It knows each
// setting's name, default and form, and where each value came from; what a value means is known elsewhere.
package settings

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	units "github.com/docker/go-units"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// Setting is a value and where it came from.
type Setting struct {
	Value string
	// Origin is the variable's name, "project.toml:3:1", or which default it is.
	Origin string
	// Where is the value's place in project.toml; zero for all other origins.
	Where problem.Position
}

// IsSet reports whether the user has chosen the value.
func (s Setting) IsSet() bool { return s.Origin != defaultOrigin && s.Origin != operatorOrigin }

// IsOperators reports whether the value is a default that buildpack.toml has in place of Gantry's.
func (s Setting) IsOperators() bool { return s.Origin == operatorOrigin }

const (
	defaultOrigin  = "default"
	operatorOrigin = "the default in buildpack.toml"
)

// Settings are all settings of a build.
type Settings struct {
	// Descriptor is [dev.gantry] of project.toml, which is read once: it holds process types and the config contract, too.
	Descriptor projecttoml.Table
	// App is the folder of the application to build, where the source tree holds several, or some of them, separated by
	// commas; empty when not set.
	App Setting
	// NodeVersion is an npm range or an alias such as "lts/*"; empty when not set.
	NodeVersion Setting
	// NodeSource is auto, nodejs.org or npm-registry.
	NodeSource Setting
	// NodeUnlisted is true when a release may be installed that Gantry does not know, with the checksum that is published.
	NodeUnlisted Setting
	// NodeRunScripts are names of package.json scripts, separated by commas.
	NodeRunScripts Setting
	// NodeInstaller is auto or npm.
	NodeInstaller Setting
	// NodePureBuild is true or false.
	NodePureBuild Setting
	// NPMRegistry is a URL without a trailing slash.
	NPMRegistry Setting
	// RubyVersion is a requirement of RubyGems; empty when not set.
	RubyVersion Setting
	// RubyArchive is the address of a Ruby that the user has built, with "#sha256=" and its checksum; empty for a pinned one.
	RubyArchive Setting
	// BundleWithout and BundleBuildGroups are groups of the Gemfile, separated by commas: those that are not installed, and
	// those that only the build needs.
	BundleWithout, BundleBuildGroups Setting
	// BootsnapPrecompile is true or false.
	BootsnapPrecompile Setting
	// NodeAtLaunch is true or false: whether the running application, one of Ruby, needs Node.js; empty when not set.
	NodeAtLaunch Setting
	// StaticDir is the folder of files to serve as they are, without Node.js; empty when not set.
	StaticDir Setting
	// CacheLimit bounds what build tools' caches may take, as "500MB".
	CacheLimit Setting
	// DrainTimeout is how long running requests may take after SIGTERM, as in time.ParseDuration; empty: the application
	// is not drained.
	DrainTimeout Setting
}

// definition is one setting: its names, its default, and what a value must look like.
type definition struct {
	key, env, fallback string
	// alias is another buildpack's name of the variable, which counts where env is not set.
	alias string
	// list and boolean are the types that project.toml has besides text.
	list, boolean bool
	check         func(value string) (why string)
	target        func(*Settings) *Setting
}

var definitions = []definition{
	{key: "app", env: "BP_NODE_PROJECT_PATH", check: folders, target: func(s *Settings) *Setting { return &s.App }},
	{key: "node.version", env: "BP_NODE_VERSION", target: func(s *Settings) *Setting { return &s.NodeVersion }},
	{key: "node.source", env: "BP_NODE_SOURCE", fallback: "auto", check: oneOf("auto", "nodejs.org", "npm-registry"),
		target: func(s *Settings) *Setting { return &s.NodeSource }},
	{key: "node.allow-unlisted", env: "BP_NODE_ALLOW_UNLISTED", fallback: "signed", boolean: true, check: oneOf("true", "false"),
		target: func(s *Settings) *Setting { return &s.NodeUnlisted }},
	{key: "node.run-scripts", env: "BP_NODE_RUN_SCRIPTS", fallback: "build", list: true,
		target: func(s *Settings) *Setting { return &s.NodeRunScripts }},
	{key: "node.installer", env: "BP_NODE_INSTALLER", fallback: "auto", check: oneOf("auto", "npm"),
		target: func(s *Settings) *Setting { return &s.NodeInstaller }},
	{key: "node.pure-build", env: "BP_NODE_PURE_BUILD", fallback: "false", boolean: true, check: oneOf("true", "false"),
		target: func(s *Settings) *Setting { return &s.NodePureBuild }},
	{key: "node.registry", env: "BP_NPM_REGISTRY", fallback: "https://registry.npmjs.org", check: webAddress,
		target: func(s *Settings) *Setting { return &s.NPMRegistry }},
	{key: "ruby.version", env: "BP_RUBY_VERSION", alias: "BP_MRI_VERSION", target: func(s *Settings) *Setting { return &s.RubyVersion }},
	{key: "ruby.archive", env: "BP_RUBY_ARCHIVE", check: archive, target: func(s *Settings) *Setting { return &s.RubyArchive }},
	{key: "ruby.without", env: "BP_BUNDLE_WITHOUT", fallback: "development,test", list: true, target: func(s *Settings) *Setting { return &s.BundleWithout }},
	{key: "ruby.build-groups", env: "BP_BUNDLE_BUILD_GROUPS", fallback: "assets,build", list: true,
		target: func(s *Settings) *Setting { return &s.BundleBuildGroups }},
	{key: "ruby.bootsnap-precompile", env: "BP_BOOTSNAP_PRECOMPILE", fallback: "false", boolean: true, check: oneOf("true", "false"),
		target: func(s *Settings) *Setting { return &s.BootsnapPrecompile }},
	{key: "ruby.node-at-launch", env: "BP_RUBY_NODE_AT_LAUNCH", boolean: true, check: oneOf("true", "false"), target: func(s *Settings) *Setting { return &s.NodeAtLaunch }},
	{key: "static.dir", env: "BP_STATIC_DIR", check: folder, target: func(s *Settings) *Setting { return &s.StaticDir }},
	{key: "cache.limit", env: "BP_CACHE_LIMIT", fallback: "500MB", check: size, target: func(s *Settings) *Setting { return &s.CacheLimit }},
	{key: "drain.timeout", env: "BP_DRAIN_TIMEOUT", check: duration, target: func(s *Settings) *Setting { return &s.DrainTimeout }},
}

// otherwise names the default, where there is one.
func (d definition) otherwise() string {
	if d.fallback == "" {
		return ""
	}
	return " for the default (" + d.fallback + ")"
}

// Read gives the settings of an application. lookup finds a platform variable; defaults are those of buildpack.toml.
func Read(a app.App, lookup func(string) (string, bool), defaults Defaults) (Settings, error) {
	var s Settings
	for _, d := range definitions {
		*d.target(&s) = Setting{Value: d.fallback, Origin: defaultOrigin}
		if value, found := defaults[d.env]; found && value != d.fallback {
			*d.target(&s) = Setting{Value: value, Origin: operatorOrigin}
		}
	}
	table, err := projecttoml.Read(a)
	if err != nil {
		return s, err
	}
	s.Descriptor = table
	if err := apply(&s, table, table.Values, ""); err != nil {
		return s, err
	}
	for _, d := range definitions {
		name := d.env
		value, found := lookup(name)
		if !found && d.alias != "" {
			name = d.alias
			value, found = lookup(name)
		}
		if !found {
			continue
		}
		if d.check != nil {
			if why := d.check(value); why != "" {
				return s, &problem.Problem{
					ID:    "settings/bad-value",
					Title: "the variable has a value that is not understood",
					Where: problem.Position{File: name},
					Why:   why,
					Hints: []string{"Correct " + name + ", or leave it unset" + d.otherwise() + "."},
				}
			}
		}
		*d.target(&s) = Setting{Value: value, Origin: name}
	}
	s.NPMRegistry.Value = strings.TrimRight(s.NPMRegistry.Value, "/")
	return s, nil
}

func oneOf(values ...string) func(string) string {
	return func(value string) string {
		if slices.Contains(values, value) {
			return ""
		}
		return fmt.Sprintf("%q is none of %s", value, strings.Join(values, ", "))
	}
}

// folder accepts a folder of the application.
func folder(value string) string {
	if value != "" && !filepath.IsLocal(value) {
		return fmt.Sprintf("%q is not a folder of the application", value)
	}
	return ""
}

// folders accepts several, separated by commas.
func folders(value string) string {
	for part := range strings.SplitSeq(value, ",") {
		if why := folder(strings.TrimSpace(part)); why != "" {
			return why
		}
	}
	return ""
}

// size accepts a number of bytes: 500MB, 2GiB, 0.
func size(value string) string {
	if _, err := units.FromHumanSize(value); err != nil {
		return fmt.Sprintf("%q is not a size such as 500MB", value)
	}
	return ""
}

func duration(value string) string {
	if d, err := time.ParseDuration(value); value != "" && (err != nil || d <= 0) {
		return fmt.Sprintf("%q is not a time such as 30s, 5m or 1h", value)
	}
	return ""
}

// archive accepts an address with a checksum: whoever names the file says what its bytes are.
func archive(value string) string {
	address, sum, _ := strings.Cut(value, "#sha256=")
	if value == "" {
		return ""
	}
	if len(sum) != 64 || strings.Trim(sum, "0123456789abcdef") != "" {
		return "it has to end with #sha256= and the archive's checksum, 64 digits"
	}
	if strings.HasPrefix(address, "file:///") {
		return ""
	}
	return webAddress(address)
}

// webAddress does not repeat the value: it may hold a password.
func webAddress(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "it is not an http:// or https:// address"
	}
	return ""
}

// Name is what a setting is called, and what it is when nobody sets it.
type Name struct {
	// Key is its path in [dev.gantry] of project.toml, Env the variable; Alias another buildpack's name of that, or empty.
	Key, Env, Alias string
	Default         string
}

// Names gives all settings.
func Names() []Name {
	var list []Name
	for _, d := range definitions {
		list = append(list, Name{d.key, d.env, d.alias, d.fallback})
	}
	return list
}
