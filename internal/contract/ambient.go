package contract

import (
	"slices"
	"strings"
)

// ambient are variables, and beginnings of them, that shells, CI systems, platforms and runtimes set or read: nobody declares them.
var ambient = struct{ names, prefixes []string }{
	names: []string{
		// POSIX, shells and desktops.
		"_", "BASH", "COLORTERM", "COLUMNS", "DISPLAY", "EDITOR", "HOME", "HOST", "HOSTNAME", "IFS", "LANG", "LANGUAGE", "LESSCLOSE", "LESSOPEN", "LINES", "LOGNAME",
		"LS_COLORS", "MAIL", "MANPATH", "NO_COLOR", "FORCE_COLOR", "OLDPWD", "PAGER", "PATH", "PS1", "PWD", "SHELL", "SHLVL", "SUDO_COMMAND", "SUDO_GID", "SUDO_UID",
		"SUDO_USER", "TEMP", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMP", "TMPDIR", "TZ", "USER", "USERNAME", "VISUAL", "WINDOWID", "container",
		// Certificates and proxies.
		"ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR", "SSL_CERT_FILE",
		// Runtimes and tools.
		"DEBUG", "GODEBUG", "GOMAXPROCS", "GOMEMLIMIT", "LD_LIBRARY_PATH", "LD_PRELOAD", "PIDFILE", "PORT", "RACK_ENV", "UV_THREADPOOL_SIZE", "WEB_CONCURRENCY",
		"CI", "CONTINUOUS_INTEGRATION", "TEAMCITY_VERSION", "TF_BUILD", "WORKSPACE",
	},
	prefixes: []string{
		// Gantry, buildpacks and their platforms.
		"BPL_", "BP_", "CNB_", "GANTRY_", "KUBERNETES_", "SERVICE_BINDING_", "DYNO", "HEROKU_", "FLY_", "RAILWAY_", "RENDER_", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "ECS_", "AWS_EXECUTION_ENV",
		// Runtimes.
		"NODE_", "npm_", "BUNDLE_", "BUNDLER_", "GEM_", "MALLOC_", "RAILS_", "RUBY", "NVM_", "RBENV_", "COREPACK_", "YARN_", "PNPM_", "BUN_",
		// Telemetry agents.
		"OTEL_", "DD_",
		// Shells and desktops.
		"BASH_", "DBUS_", "GDM", "GNOME_", "GPG_", "GTK_", "KDE_", "LC_", "LESS_TERMCAP_", "QT_", "SSH_", "TMUX", "VSCODE_", "WAYLAND_", "WSL", "XDG_", "ZSH",
		// CI systems.
		"ACTIONS_", "AGENT_", "APPVEYOR", "BITBUCKET_", "BUILDKITE", "BUILD_", "CIRCLE", "CI_", "CODEBUILD_", "DRONE", "GITHUB_", "GITLAB_", "HUDSON_", "ImageOS", "ImageVersion", "JENKINS_", "RUNNER_",
		"SEMAPHORE", "SYSTEM_", "TEKTON_", "TRAVIS",
	},
}

// Ambient reports whether a variable of this name is set or read by a shell, a CI system, a platform or a runtime.
func Ambient(name string) bool {
	return slices.Contains(ambient.names, name) || slices.ContainsFunc(ambient.prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// baked are the beginnings of the names that bundlers write the values of into what they make: https://vite.dev/guide/env-and-mode,
// https://nextjs.org/docs/app/guides/environment-variables, and those of Create React App, Gatsby, Vue CLI, Expo, Astro and SvelteKit.
var baked = []string{"VITE_", "NEXT_PUBLIC_", "REACT_APP_", "GATSBY_", "VUE_APP_", "EXPO_PUBLIC_", "PUBLIC_"}

// Baked reports whether bundlers take a variable of this name for one of the build.
func Baked(name string) bool {
	return slices.ContainsFunc(baked, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
