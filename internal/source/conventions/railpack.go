package conventions

// https://railpack.com/config/environment-variables, https://railpack.com/languages/node and https://railpack.com/languages/staticfile.
var railpack = Platform{Name: "Railpack", Rows: []Row{
	{Variable: "RAILPACK_NODE_VERSION", As: "BP_NODE_VERSION", Honoured: true, Does: "the Node.js version"},
	{Variable: "RAILPACK_RUBY_VERSION", As: "BP_RUBY_VERSION", Honoured: true, Does: "the Ruby version"},
	{Variable: "RAILPACK_START_CMD", As: WebCommand, Honoured: true, Does: "the command of the process web"},
	{Variable: "RAILPACK_BUILD_CMD", As: "BP_NODE_RUN_SCRIPTS", Command: scriptsOf, Honoured: true, Does: buildCommand},
	{Variable: "RAILPACK_BUILD_APT_PACKAGES", As: "BP_BUILD_PACKAGES", Value: commas, Honoured: true, Does: "packages of the distribution for the build"},
	{Variable: "RAILPACK_DEPLOY_APT_PACKAGES", As: "BP_PACKAGES", Value: commas, Honoured: true, Does: "packages of the distribution in the image"},
	{Variable: "RAILPACK_SPA_OUTPUT_DIR", As: "BP_STATIC_DIR", Value: below, Honoured: true, Does: "the folder of files to serve"},
	{Variable: "RAILPACK_STATIC_FILE_ROOT", As: "BP_STATIC_DIR", Value: below, Honoured: true, Does: "the folder of files to serve"},
	{File: "Staticfile", Honoured: true, Does: "`root`, `index_fallback` and `pushstate`, `force_https`, `directory` of Cloud Foundry's: the folder of files to serve, and how"},
	{Variable: "RAILPACK_PRUNE_DEPS", Honoured: true, Does: "development dependencies are not in the image in any case; BP_NODE_KEEP_DEV=true keeps them"},
	{Variable: "RAILPACK_INSTALL_CMD", Does: installCommand},
	{Variable: "RAILPACK_NODE_PRUNE_CMD", Does: "development dependencies are not in the image; BP_NODE_KEEP_DEV=true keeps them"},
	{Variable: "RAILPACK_NO_SPA", Does: "a start script, or web in a Procfile, is what the image runs in place of serving files"},
	{Variable: "RAILPACK_PACKAGES", Does: "packages of the distribution are asked for with packages = […] in project.toml, the versions of package managers in package.json"},
	{Variable: "RAILPACK_BUN_VERSION", Does: "the version is the one of packageManager in package.json, or of .bun-version"},
	{Variable: "RAILPACK_ANGULAR_PROJECT", Does: "give the project's folder in BP_NODE_PROJECT_PATH, or its output in BP_STATIC_DIR"},
	{Variable: "RAILPACK_NODE_INSTALL_PATTERNS", Does: "what an installation reads is found out"},
	{Variable: "RAILPACK_DISABLE_CACHES", Does: "pack build --clear-cache forgets all that is kept"},
	{Variable: "RAILPACK_*", Does: "the settings are those of docs/settings"},
	{File: "railpack.json", Does: "write its startCommand as web: … in a Procfile, its apt packages as packages and build-packages in project.toml, its steps as scripts of package.json"},
	{File: "Caddyfile", Only: has("file_server"), Does: "Caddy is not in the image: write headers to a file _headers, and redirects to _redirects"},
}}

// https://nixpacks.com/docs/configuration/environment.
var nixpacks = Platform{Name: "Nixpacks", Rows: []Row{
	{Variable: "NIXPACKS_NODE_VERSION", As: "BP_NODE_VERSION", Honoured: true, Does: "the Node.js version"},
	{Variable: "NIXPACKS_START_CMD", As: WebCommand, Honoured: true, Does: "the command of the process web"},
	{Variable: "NIXPACKS_BUILD_CMD", As: "BP_NODE_RUN_SCRIPTS", Command: scriptsOf, Honoured: true, Does: buildCommand},
	{Variable: "NIXPACKS_APT_PKGS", As: "BP_PACKAGES", Value: commas, Honoured: true, Does: "packages of the distribution in the image"},
	{Variable: "NIXPACKS_SPA_OUT_DIR", As: "BP_STATIC_DIR", Value: below, Honoured: true, Does: "the folder of files to serve"},
	{Variable: "NIXPACKS_INSTALL_CMD", Does: installCommand},
	{Variable: "NIXPACKS_PKGS", Does: "packages of the distribution are asked for with packages = […] in project.toml"},
	{Variable: "NIXPACKS_*", Does: "the settings are those of docs/settings"},
	{File: "nixpacks.toml", Does: "write its start command as web: … in a Procfile, its aptPkgs as packages in project.toml, its phases as scripts of package.json"},
	{File: "railway.json", Only: has("startCommand", "preDeployCommand"), Does: railway},
	{File: "railway.toml", Only: has("startCommand", "preDeployCommand"), Does: railway},
}}

const (
	buildCommand   = "scripts of package.json to run while building: `npm run build && npm run assets`; another command is written as a script of package.json, which BP_NODE_RUN_SCRIPTS names"
	installCommand = "packages are installed as the lockfile says; write what comes before as the script preinstall or heroku-prebuild of package.json"
	railway        = "write its startCommand as web: … in a Procfile; its preDeployCommand is a process type of its own, such as release: …"
)
