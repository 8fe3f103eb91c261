package ruby

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// bundleConfig holds the application's own settings of Bundler, which count before variables:
// https://bundler.io/man/bundle-config.1.html.
const bundleConfig = ".bundle/config"

// decided are those of them that are Gantry's to decide: where gems are, and which. They are what somebody chose for another machine.
var decided = lazyregexp.New(`^BUNDLE_(PATH|PATH__SYSTEM|WITHOUT|WITH|ONLY|FROZEN|DEPLOYMENT|DISABLE_SHARED_GEMS|BIN|CLEAN|SYSTEM_BINDIR|VERSION|USER_\w+):\s`)

// withoutDecided takes these out of the settings, and names those with which the build would have come out otherwise.
func withoutDecided(config string) (rest string, names []string) {
	var kept strings.Builder
	skip := false
	for line := range strings.Lines(config) {
		if m := decided().FindStringSubmatch(line); m != nil {
			skip = true
			if strings.HasPrefix(m[1], "PATH") && !strings.Contains(line, `"`+bundleDir+`"`) || strings.HasPrefix(m[1], "WITH") || m[1] == "ONLY" {
				names = append(names, strings.ToLower(strings.ReplaceAll(m[1], "__", ".")))
			}
			continue
		}
		// A value may go on, as a list.
		if skip && (strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---") || strings.HasPrefix(line, " ")) {
			continue
		}
		skip = false
		kept.WriteString(line)
	}
	return kept.String(), names
}

// withoutHosts leaves of the settings what the running application may need: credentials, mirrors and flags have two underscores in
// their names.
func withoutHosts(config string) string {
	var kept strings.Builder
	for line := range strings.Lines(config) {
		if name, _, _ := strings.Cut(line, ": "); !strings.Contains(name, "__") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// withBundleSettings puts copies in the place of the application's settings: one for installing, and one without credentials.
func (p *Project) withBundleSettings(k gems) gems {
	rest, names := withoutDecided(p.read(bundleConfig))
	if len(names) > 0 {
		k.notes.Warnings = append(k.notes.Warnings, p.in(bundleConfig)+" says something of "+strings.Join(names, ", ")+
			": that is for another machine, and does not count. BP_BUNDLE_WITHOUT chooses other groups.")
	}
	k.install.Commands.Files = merge(k.install.Commands.Files, map[string]string{"config": rest})
	k.install.Commands.Env = merge(k.install.Commands.Env, map[string]string{"BUNDLE_APP_CONFIG": plan.ScratchDir})
	k.files = map[string]string{"bundle/config": withoutHosts(rest)}
	place := map[string]string{"BUNDLE_APP_CONFIG": plan.FilesDir + "/bundle"}
	k.buildEnv, k.launchEnv = merge(k.buildEnv, place), merge(k.launchEnv, place)
	k.remove = append(k.remove, p.in(bundleConfig))
	return k
}
