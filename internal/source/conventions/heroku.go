package conventions

// https://devcenter.heroku.com/articles/nodejs-support, https://devcenter.heroku.com/articles/nodejs-classic-buildpack-builds and
// https://devcenter.heroku.com/articles/ruby-support-reference.
var heroku = Platform{Name: "Heroku", Rows: []Row{
	{File: "Procfile", Honoured: true, Does: "its process types are those of the image"},
	{File: "app.json", Honoured: true, Does: "`env` is the config contract"},
	{File: "Aptfile", Honoured: true, Does: "its packages are in the image"},
	{File: "static.json", Honoured: true, Does: "the web server for static files does what it says"},
	{File: ".slugignore", Honoured: true, Does: "what it names is removed before the build"},
	{File: ".profile", Does: "no shell runs before a process: set variables where the image is deployed, or as [dev.gantry.config.NAME] default = \"…\" in project.toml; " +
		"or start the process with a shell: web: . ./.profile && exec …"},
	{File: ".profile.d/", Does: "no shell runs before a process: set variables where the image is deployed, or as [dev.gantry.config.NAME] default = \"…\" in project.toml"},
	{File: "heroku.yml", Does: "the process types are those of the Procfile"},
	{File: ".buildpacks", Does: "Gantry builds Node.js and Ruby in one; packages of the distribution are asked for in an Aptfile or as packages = […] in project.toml"},
	{Script: "heroku-prebuild", Honoured: true, Does: "runs before packages are installed"},
	{Script: "heroku-build", Honoured: true, Does: "runs in place of `build`"},
	{Script: "heroku-postbuild", Honoured: true, Does: "runs after `build`"},
	{Script: "heroku-cleanup", Honoured: true, Does: "runs last, while development dependencies are still there; they are taken out of the image anyway"},
	{Script: "cacheDirectories", Honoured: true, Does: "folders with \"cache\" in their names are kept from build to build; packages are kept in any case, and what a step makes while it need not run again"},
	{Variable: "NPM_CONFIG_PRODUCTION", Honoured: true, Does: "`false` keeps development dependencies in the image"},
	{Variable: "YARN_PRODUCTION", Honoured: true, Does: "`false` keeps development dependencies in the image"},
	{Variable: "YARN2_SKIP_PRUNING", As: "BP_NODE_KEEP_DEV", Value: whenTrue("true"), Honoured: true, Does: "`true` keeps development dependencies in the image"},
	{Variable: "PNPM_SKIP_PRUNING", As: "BP_NODE_KEEP_DEV", Value: whenTrue("true"), Honoured: true, Does: "`true` keeps development dependencies in the image"},
	{Variable: "SKIP_PRUNING", As: "BP_NODE_KEEP_DEV", Value: whenTrue("true"), Honoured: true, Does: "`true` keeps development dependencies in the image"},
	{Variable: "NODE_MODULES_CACHE", Does: "packages are kept by what the lockfile says, and are never out of date; pack build --clear-cache forgets all that is kept"},
	{Variable: "USE_NPM_INSTALL", Does: "packages are installed as the lockfile says, and without a lockfile as `npm install` does"},
	{Variable: "USE_YARN_CACHE", Does: "packages are kept by what the lockfile says"},
	{Variable: "BUNDLE_WITHOUT", Honoured: true, Does: "these groups of the Gemfile are not installed"},
	{Variable: "HEROKU_DEBUG_RAILS_RUNNER", Does: "Rails is not asked while it builds"},
}}
