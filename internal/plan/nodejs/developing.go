package nodejs

import (
	"slices"
	"strings"
)

// otherDevelopment are commands like those in frameworks' develop, of tools that are no frameworks.
var otherDevelopment = []string{"wrangler dev", "webpack serve", "webpack-dev-server"}

// isDevelopment reports whether words are the beginning of such a command.
func isDevelopment(words string) bool {
	return slices.Contains(otherDevelopment, words) || slices.ContainsFunc(frameworks, func(f framework) bool { return slices.Contains(f.develop, words) })
}

// develops reports whether a command only serves for development.
func develops(args []string) bool {
	if len(args) > 0 && args[0] == "npx" {
		args = args[1:]
	}
	if len(args) == 0 {
		return false
	}
	if len(args) == 1 || strings.HasPrefix(args[1], "-") && args[0] != "eleventy" {
		return isDevelopment(args[0])
	}
	if args[0] == "vite" || args[0] == "parcel" {
		return args[1] != "build"
	}
	if args[0] == "nx" && args[1] == "run" && len(args) > 2 {
		_, target, _ := strings.Cut(args[2], ":")
		return target == "serve" || target == "dev"
	}
	return isDevelopment(args[0]+" "+args[1]) || len(args) > 2 && isDevelopment(strings.Join(args[:3], " "))
}
