package conventions

import (
	"bytes"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// https://cloud.google.com/docs/buildpacks/set-environment-variables. Names of an application's own variables begin with GOOGLE_, too: only these
// are answered.
var google = Platform{Name: "Google", Rows: []Row{
	{Script: "gcp-build", Honoured: true, Does: "runs in place of `build`"},
	{Variable: "GOOGLE_NODEJS_VERSION", As: "BP_NODE_VERSION", Honoured: true, Does: "the Node.js version"},
	{Variable: "GOOGLE_RUBY_VERSION", As: "BP_RUBY_VERSION", Honoured: true, Does: "the Ruby version"},
	{Variable: "GOOGLE_RUNTIME_VERSION", As: "BP_NODE_VERSION", AsRuby: "BP_RUBY_VERSION", Honoured: true, Does: "the version of Node.js or Ruby, whichever the application is of"},
	{Variable: "GOOGLE_NODE_RUN_SCRIPTS", As: "BP_NODE_RUN_SCRIPTS", Honoured: true, Does: "the scripts to run while building; none when empty"},
	{Variable: "GOOGLE_ENTRYPOINT", As: WebCommand, Honoured: true, Does: "the command of the process web"},
	{Variable: "GOOGLE_BUILDABLE", As: "BP_NODE_PROJECT_PATH", Value: below, Honoured: true, Does: "the folder of the application"},
	{Variable: "GOOGLE_LABEL_*", Honoured: true, Does: "the label google.NAME of the image"},
	{Variable: "GOOGLE_RUNTIME", Does: "the language is the one of which there are files: package.json, Gemfile"},
	{Variable: "GOOGLE_CLEAR_SOURCE", Does: "name what the image is to lack in BP_EXCLUDE_FILES"},
	{Variable: "GOOGLE_DEVMODE", Does: "gantry dev restarts the application when its source changes"},
	{Variable: "GOOGLE_FUNCTION_TARGET", As: WebCommand, Command: functionsFramework, Honoured: true, Does: functions},
	{Variable: "GOOGLE_FUNCTION_SOURCE", Does: functions},
	{Variable: "GOOGLE_FUNCTION_SIGNATURE_TYPE", Does: functions},
	{File: "app.yaml", Only: has("runtime: nodejs", "runtime: ruby"), Does: "its entrypoint is written as web: … in a Procfile, and its env_variables where the image is deployed"},
	{File: ".gcloudignore", Does: "name what the image is to lack in BP_EXCLUDE_FILES, or in .slugignore"},
}}

const functions = "the functions framework is started with that function, if it is among the dependencies: the package @google-cloud/functions-framework, or the gem functions_framework"

// functionsFramework starts the framework with a function: https://cloud.google.com/functions/docs/functions-framework.
func functionsFramework(a app.App, target string) (string, bool) {
	if strings.Trim(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || target == "" {
		return "", false
	}
	if text, _, _ := a.Read("package.json"); bytes.Contains(text, []byte(`"@google-cloud/functions-framework"`)) {
		return "functions-framework --target=" + target, true
	}
	if text, _, _ := a.Read("Gemfile"); bytes.Contains(text, []byte("functions_framework")) {
		return "bundle exec functions-framework-ruby --target " + target, true
	}
	return "", false
}
