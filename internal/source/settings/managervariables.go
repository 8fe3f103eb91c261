package settings

import "strings"

// ofManagers are variables with which people tell package managers, on other platforms, too, what belongs in the image, and whether
// scripts are run. npm reads its own in any case.
var ofManagers = []string{
	"NODE_ENV", "YARN_PRODUCTION", "YARN_ENABLE_SCRIPTS", "YARN_IGNORE_SCRIPTS", "npm_config_include", "npm_config_production", "npm_config_ignore_scripts",
	"npm_config_prod", "pnpm_config_prod", "pnpm_config_ignore_scripts",
	// https://bundler.io/man/bundle-config.1.html.
	"BUNDLE_GEMFILE", "BUNDLE_LOCKFILE", "BUNDLE_WITHOUT", "BUNDLE_WITH", "BUNDLE_ONLY", "BUNDLE_FORCE_RUBY_PLATFORM", "BUNDLE_SPECIFIC_PLATFORM", "BUNDLE_PATH",
	"BUNDLE_PATH__SYSTEM", "BUNDLE_FROZEN", "BUNDLE_BIN", "BUNDLE_VERSION", "BUNDLE_CACHE_PATH", "BUNDLE_APP_CONFIG", "BUNDLE_IGNORE_CONFIG",
}

func managerVariables(lookup func(string) (string, bool)) map[string]Setting {
	found := map[string]Setting{}
	for _, name := range ofManagers {
		for _, written := range []string{strings.ToLower(name), strings.ToUpper(name)} {
			if value, ok := lookup(written); ok && value != "" {
				found[strings.ToLower(name)] = Setting{Value: value, Origin: written}
			}
		}
	}
	return found
}
