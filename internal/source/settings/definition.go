package settings

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	units "github.com/docker/go-units"
)

// definition is a setting as buildpack.toml describes it, and where its value goes.
type definition struct {
	Configuration
	// ours is the default in Gantry's own buildpack.toml.
	ours   string
	target func(*Settings) *Setting
}

// targets are the fields of the settings, by their variables. Adding one: a line here, and [[metadata.configurations]] in
// buildpack.toml.
var targets = map[string]func(*Settings) *Setting{
	"BP_NODE_PROJECT_PATH":       func(s *Settings) *Setting { return &s.App },
	"BP_NODE_VERSION":            func(s *Settings) *Setting { return &s.NodeVersion },
	"BP_NODE_VERSION_LOOKUP":     func(s *Settings) *Setting { return &s.NodeLookup },
	"BP_NODE_SOURCE":             func(s *Settings) *Setting { return &s.NodeSource },
	"BP_NODE_ALLOW_UNLISTED":     func(s *Settings) *Setting { return &s.NodeUnlisted },
	"BP_NODE_RUN_SCRIPTS":        func(s *Settings) *Setting { return &s.NodeRunScripts },
	"BP_NODE_INSTALLER":          func(s *Settings) *Setting { return &s.NodeInstaller },
	"BP_NODE_KEEP_DEV":           func(s *Settings) *Setting { return &s.NodeKeepDev },
	"BP_NODE_ALLOW_SCRIPTS":      func(s *Settings) *Setting { return &s.NodeAllowScripts },
	"BP_NODE_SCRIPT_CREDENTIALS": func(s *Settings) *Setting { return &s.NodeScriptCredentials },
	"BP_NODE_PURE_BUILD":         func(s *Settings) *Setting { return &s.NodePureBuild },
	"BP_BUILD_REUSE":             func(s *Settings) *Setting { return &s.BuildReuse },
	"BP_NPM_VERIFY":              func(s *Settings) *Setting { return &s.NPMVerify },
	"BP_NPM_REGISTRY":            func(s *Settings) *Setting { return &s.NPMRegistry },
	"BP_RUBY_VERSION":            func(s *Settings) *Setting { return &s.RubyVersion },
	"BP_RUBY_ARCHIVE":            func(s *Settings) *Setting { return &s.RubyArchive },
	"BP_BUNDLE_WITHOUT":          func(s *Settings) *Setting { return &s.BundleWithout },
	"BP_BUNDLE_BUILD_GROUPS":     func(s *Settings) *Setting { return &s.BundleBuildGroups },
	"BP_BOOTSNAP_PRECOMPILE":     func(s *Settings) *Setting { return &s.BootsnapPrecompile },
	"BP_RUBY_NODE_AT_LAUNCH":     func(s *Settings) *Setting { return &s.NodeAtLaunch },
	"BP_STATIC_DIR":              func(s *Settings) *Setting { return &s.StaticDir },
	"BP_CACHE_LIMIT":             func(s *Settings) *Setting { return &s.CacheLimit },
	"BP_RUBY_ASSETS_TASK":        func(s *Settings) *Setting { return &s.AssetsTask },
	"BP_PACKAGES":                func(s *Settings) *Setting { return &s.Packages },
	"BP_BUILD_PACKAGES":          func(s *Settings) *Setting { return &s.BuildPackages },
	"BP_PACKAGES_SNAPSHOT":       func(s *Settings) *Setting { return &s.PackagesSnapshot },
	"BP_KEEP_FILES":              func(s *Settings) *Setting { return &s.KeepFiles },
	"BP_INCLUDE_FILES":           func(s *Settings) *Setting { return &s.IncludeFiles },
	"BP_EXCLUDE_FILES":           func(s *Settings) *Setting { return &s.ExcludeFiles },
	"BP_STATIC_SPA":              func(s *Settings) *Setting { return &s.SinglePage },
	"BP_WEB_COMMAND":             func(s *Settings) *Setting { return &s.WebCommand },
	"BP_LIVE_RELOAD_ENABLED":     func(s *Settings) *Setting { return &s.LiveReload },
	"BP_STATIC_CONFIG":           func(s *Settings) *Setting { return &s.SiteConfig },
	"BP_STATIC_FORCE_HTTPS":      func(s *Settings) *Setting { return &s.ForceHTTPS },
	"BP_DRAIN_TIMEOUT":           func(s *Settings) *Setting { return &s.DrainTimeout },

	"BP_DRAIN_WEBSOCKET_TIMEOUT": func(s *Settings) *Setting { return &s.DrainWebSocketTimeout },
}

// elsewhere are configurations of a build that are read where they are used: names of variables that begin with one are
// open-ended.
var elsewhere = []string{"BP_DEPENDENCY_MIRROR", "BP_TIMELINE"}

// Table is all settings, with their forms and defaults.
type Table []definition

// Of gives the settings as the configurations of a buildpack.toml have them, and Gantry's own for what they leave out. One that
// Gantry does not know, or whose default is not a value of the setting, is an error.
func Of(configurations []Configuration) (Table, error) {
	given := map[string]Configuration{}
	for _, c := range configurations {
		if targets[c.Name] == nil && !slices.Contains(elsewhere, c.Name) {
			return nil, UnknownConfiguration(c.Name, slices.Concat(slices.Sorted(maps.Keys(targets)), elsewhere))
		}
		given[c.Name] = c
	}
	var table Table
	for _, own := range Builtin() {
		target := targets[own.Name]
		if target == nil {
			continue
		}
		d := definition{Configuration: given[own.Name].over(own), ours: own.Default, target: target}
		d.Name = own.Name
		if checks[d.Type] == nil {
			return nil, unknownType(d.Configuration)
		}
		if why := d.check(d.Default); why != "" && d.HasDefault {
			return nil, BadDefault(d.Name, why)
		}
		table = append(table, d)
	}
	return table, nil
}

// own are the settings of Gantry's own buildpack.toml.
var own = sync.OnceValue(func() Table {
	table, err := Of(nil)
	if err != nil {
		// It is part of the program, and a test reads it.
		panic(err)
	}
	return table
})

// checks say of a value, by the type of its setting, why it cannot be one.
var checks = map[string]func(value string) (why string){
	"text":     func(string) string { return "" },
	"list":     func(string) string { return "" },
	"packages": func(string) string { return "" },
	"boolean":  oneOf("true", "false"),
	"folder":   folder,
	"folders":  folders,
	"size":     size,
	"duration": duration,
	"time":     timestamp,
	"url":      webAddress,
	"path":     servedPath,
	"archive":  archive,
}

func types() []string { return slices.Sorted(maps.Keys(checks)) }

// check says why a value cannot be the setting's.
func (d definition) check(value string) (why string) {
	if len(d.Values) > 0 {
		return oneOf(d.Values...)(value)
	}
	return checks[d.Type](value)
}

// boolean reports whether project.toml may have true or false in it.
func (d definition) boolean() bool {
	return d.Type == "boolean" || d.Type == "packages" || slices.Contains(d.Values, "true")
}

// otherwise names the default, where there is one.
func (d definition) otherwise() string {
	if d.Default == "" {
		return ""
	}
	return " for the default (" + d.Default + ")"
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

// servedPath is a path of a file that a site has besides its own: a name with an ending that says what it is.
func servedPath(value string) string {
	name := strings.TrimPrefix(value, "/")
	if value != "" && (!fs.ValidPath(name) || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") != "" || path.Ext(name) != ".json" && path.Ext(name) != ".js") {
		return fmt.Sprintf("%q is no path such as config.json or assets/env.js", value)
	}
	return ""
}

// timestamp is a time as snapshot.debian.org writes it.
func timestamp(value string) string {
	if _, err := time.Parse("20060102T150405Z", value); value != "" && err != nil {
		return fmt.Sprintf("%q is not a time such as 20261101T000000Z", value)
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
