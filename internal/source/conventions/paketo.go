package conventions

import (
	"io/fs"
	"path"
	"strings"
)

// https://paketo.io/docs/howto/nodejs/, https://paketo.io/docs/howto/web-servers/, https://paketo.io/docs/howto/configuration/.
var paketo = Platform{Name: "Paketo", Rows: []Row{
	{Variable: "BP_NODE_VERSION", Honoured: true, Does: "the Node.js version"},
	{Variable: "BP_NODE_PROJECT_PATH", Honoured: true, Does: "the folder of the application"},
	{Variable: "BP_NODE_RUN_SCRIPTS", Honoured: true, Does: "the scripts to run while building"},
	{Variable: "BP_MRI_VERSION", Honoured: true, Does: "the Ruby version"},
	{Variable: "BP_LAUNCHPOINT", As: WebCommand, Value: launchpoint, Honoured: true, Does: "the file that the process web runs with Node.js"},
	{Variable: "BP_NODE_OPTIMIZE_MEMORY", Honoured: true, Does: "Node.js is sized for the container's memory in every image"},
	{Variable: "BP_KEEP_FILES", Honoured: true, Does: "files stay in the image in any case; with Gantry it names those that look as if they hold secrets, separated by commas"},
	{Variable: "BP_INCLUDE_FILES", Honoured: true, Does: "the image holds these files of the source and no others"},
	{Variable: "BP_EXCLUDE_FILES", Honoured: true, Does: "the image does not hold these files of the source"},
	{Variable: "BP_IMAGE_LABELS", Honoured: true, Does: "labels of the image: `a=b c=\"d e\"`"},
	{Variable: "BP_OCI_*", Honoured: true, Does: "the label org.opencontainers.image.NAME of the image: `BP_OCI_AUTHORS`, `BP_OCI_REF_NAME`, …"},
	{Variable: "BPE_*", Honoured: true, Does: "variables of the container: `BPE_NAME`, `BPE_DEFAULT_NAME`, `BPE_APPEND_NAME`, `BPE_PREPEND_NAME` with `BPE_DELIM_NAME`"},
	{Variable: "BP_WEB_SERVER", Honoured: true, Does: "files are served by Gantry's web server in the place of nginx or httpd"},
	{Variable: "BP_WEB_SERVER_ROOT", As: "BP_STATIC_DIR", Value: below, Honoured: true, Does: "the folder of files to serve"},
	{Variable: "BP_WEB_SERVER_ENABLE_PUSH_STATE", As: "BP_STATIC_SPA", Value: yesNo, Honoured: true, Does: "paths that are no file are answered with index.html"},
	{Variable: "BP_WEB_SERVER_FORCE_HTTPS", As: "BP_STATIC_FORCE_HTTPS", Value: yesNo, Honoured: true, Does: "requests by http are sent to https"},
	{Variable: "BP_WEB_SERVER_ENABLE_STUB_STATUS", Does: "the web server has no page of its own figures: gantry doctor looks at it from inside"},
	{Variable: "BP_WEB_SERVER_STUB_STATUS_PORT", Does: "the web server has no page of its own figures: gantry doctor looks at it from inside"},
	{Variable: "BP_WEB_SERVER_INCLUDE_FILE_PATH", Does: "nginx' configuration is not read: write headers to a file _headers, and redirects to _redirects"},
	{File: "nginx.conf", Does: nginx},
	{File: "httpd.conf", Does: nginx},
	{Variable: "BP_NGINX_*", Does: "nginx is not in the image: write headers to a file _headers, and redirects to _redirects"},
	{Variable: "BP_LIVE_RELOAD_ENABLED", Honoured: true, Does: "web is started again when a file changes in its container; the process no-reload is the same without that"},
	{Variable: "BP_DISABLE_SBOM", Does: "the SBOM is made of what the lockfile says, and takes no time; it is in no layer of the image's file system that the application sees"},
	{Variable: "BP_NODE_INCLUDE_BUILD_PYTHON", Does: "ask for Python with build-packages = [\"python3\"] in project.toml, where a package is compiled with node-gyp and the build image has none"},
	{Variable: "BP_BUNDLER_VERSION", Does: "Bundler is the one that Gemfile.lock names behind BUNDLED WITH"},
	{Variable: "BP_LOG_LEVEL", Does: "the log tells each decision in any case; gantry build --timeline FILE tells where the time went"},
	{Variable: "BP_ENABLE_RUNTIME_CERT_BINDING", Does: "Node.js reads NODE_EXTRA_CA_CERTS, and Ruby SSL_CERT_FILE: set them to a mounted file"},
	{Variable: "BP_DATADOG_ENABLED", Does: "add the package dd-trace to the application"},
	{Variable: "BP_APM_*", Does: "add the agent's package to the application"},
}}

const nginx = "files are served by Gantry's web server: write headers to a file _headers, and redirects to _redirects, in the folder that is served"

// yesNo gives a boolean as Gantry's settings have it.
func yesNo(value string) (string, bool) {
	if isTrue(value) {
		return "true", true
	}
	return "false", true
}

// launchpoint gives the command for a file.
func launchpoint(file string) (string, bool) {
	file = path.Clean(strings.TrimSpace(file))
	if !fs.ValidPath(file) || file == "." {
		return "", false
	}
	return "node '" + strings.ReplaceAll(file, "'", `'\''`) + "'", true
}
