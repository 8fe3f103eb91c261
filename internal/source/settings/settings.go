// Package settings is what steers a build: platform variables (BP_…) over [dev.gantry] in project.toml. It knows each
// setting's name, default and form, and where each value came from; what a value means is known elsewhere.
package settings

import (
	"strings"

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
	// NodeLookup is pinned or online.
	NodeLookup Setting
	// NodeUnlisted is signed, true or false: which releases may be installed that Gantry does not know.
	NodeUnlisted Setting
	// NodeRunScripts are names of package.json scripts, separated by commas.
	NodeRunScripts Setting
	// NodeInstaller is auto or npm.
	NodeInstaller Setting
	// NodeKeepDev is true, false, or names of development dependencies, separated by commas.
	NodeKeepDev Setting
	// NodeAllowScripts is true, false, or names of packages whose install scripts may run, separated by commas.
	NodeAllowScripts Setting
	// NodeScriptCredentials is true or false: whether install scripts get the registry's tokens.
	NodeScriptCredentials Setting
	// NodePureBuild is true or false: whether BuildReuse is "always" where it is not set.
	NodePureBuild Setting
	// BuildReuse is "auto", "always" or "never".
	BuildReuse Setting
	// NPMRegistry is a URL without a trailing slash.
	NPMRegistry Setting
	// NPMVerify is lockfile, pinned or signatures.
	NPMVerify Setting
	// RubyVersion is a requirement of RubyGems; empty when not set.
	RubyVersion Setting
	// RubyArchive is the address of a Ruby that the user has built, with "#sha256=" and its checksum; empty for a pinned one.
	RubyArchive Setting
	// BundleWithout and BundleBuildGroups are groups of the Gemfile, separated by commas: those that are not installed, and
	// those that only the build needs.
	BundleWithout, BundleBuildGroups Setting
	// AssetsTask is the Rake task that builds assets, or several, separated by spaces; "none" for none.
	AssetsTask Setting
	// BootsnapPrecompile is true or false.
	BootsnapPrecompile Setting
	// NodeAtLaunch is true or false: whether the running application, one of Ruby, needs Node.js; empty when not set.
	NodeAtLaunch Setting
	// StaticDir is the folder of files to serve as they are, without Node.js; empty when not set.
	StaticDir Setting
	// ManagerVariables are variables of the build that package managers read, by their names in lower case, as far as they decide
	// about the image: https://docs.npmjs.com/cli/using-npm/config#environment-variables.
	ManagerVariables map[string]Setting
	// Packages and BuildPackages are names of the distribution's packages, separated by commas: those that the image gets, and those that
	// are there only while the application is built. PackagesSnapshot is the time of whose archive they are, such as "20261101T000000Z"; empty
	// for today's.
	Packages, BuildPackages, PackagesSnapshot Setting
	// WebCommand is the command of the process type web, as a variable gives it; empty for what the application's files say.
	WebCommand Setting
	// IncludeFiles and ExcludeFiles are patterns of the files that alone are in the image, and of those that are not, separated by commas or
	// colons.
	IncludeFiles, ExcludeFiles Setting
	// SinglePage says whether paths that are no file are answered with index.html: true, false, or empty for what the site's files say. ForceHTTPS is
	// true or false.
	SinglePage, ForceHTTPS Setting
	// SiteConfig is the path at which pages of a static site read variables of the container; empty for none.
	SiteConfig Setting
	// LiveReload is true or false: whether the process web is started again when a file changes in its container.
	LiveReload Setting
	// KeepFiles are files that the image is to have though they look as if they held secrets, separated by commas.
	KeepFiles Setting
	// CacheLimit bounds what build tools' caches may take, as "500MB".
	CacheLimit Setting
	// DrainTimeout is how long running requests may take after SIGTERM, as in time.ParseDuration; empty: the application
	// is not drained.
	DrainTimeout Setting
	// DrainWebSocketTimeout is how long WebSocket connections may stay after SIGTERM; empty: as long as requests.
	DrainWebSocketTimeout Setting
}

// Read gives the settings of an application. lookup finds a platform variable. Without a table, Gantry's own counts.
func (t Table) Read(a app.App, lookup func(string) (string, bool)) (Settings, error) {
	var s Settings
	if t == nil {
		t = own()
	}
	for _, d := range t {
		*d.target(&s) = Setting{Value: d.Default, Origin: defaultOrigin}
		if d.Default != d.ours {
			*d.target(&s) = Setting{Value: d.Default, Origin: operatorOrigin}
		}
	}
	descriptor, err := projecttoml.Read(a)
	if err != nil {
		return s, err
	}
	s.Descriptor = descriptor
	if err := descriptor.ShowAll(t.apply(&s, descriptor, descriptor.Values, "")); err != nil {
		return s, err
	}
	for _, d := range t {
		name := d.Name
		value, found := lookup(name)
		if !found && d.Alias != "" {
			name = d.Alias
			value, found = lookup(name)
		}
		if !found {
			continue
		}
		if why := d.check(value); why != "" {
			return s, &problem.Problem{
				ID:    "settings/bad-value",
				Title: "the variable has a value that is not understood",
				Where: problem.Position{File: name},
				Why:   why,
				Hints: []string{"Correct " + name + ", or leave it unset" + d.otherwise() + "."},
			}
		}
		*d.target(&s) = Setting{Value: value, Origin: name}
	}
	if err := t.fromConventions(&s, a, lookup); err != nil {
		return s, err
	}
	s.ManagerVariables = managerVariables(lookup)
	s.NPMRegistry.Value = strings.TrimRight(s.NPMRegistry.Value, "/")
	return s, nil
}
