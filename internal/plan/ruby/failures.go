package ruby

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

// libraries are what gems with native code need of Debian and Ubuntu, to be compiled and to run.
var libraries = []struct{ gem, build, run string }{
	{"sqlite3", "libsqlite3-dev", "libsqlite3-0"}, {"pg", "libpq-dev", "libpq5"}, {"mysql2", "default-libmysqlclient-dev", "libmariadb3"}, {"trilogy", "libssl-dev", "libssl3"},
	{"nokogiri", "libxml2-dev libxslt1-dev", "libxml2 libxslt1.1"}, {"rmagick", "libmagickwand-dev", "libmagickwand-6.q16-6"}, {"ruby-vips", "libvips-dev", "libvips42"},
	{"psych", "libyaml-dev", "libyaml-0-2"}, {"ffi", "libffi-dev", "libffi8"}, {"charlock_holmes", "libicu-dev", "libicu72"}, {"curb", "libcurl4-openssl-dev", "libcurl4"},
	{"rugged", "libgit2-dev", "libgit2-1.5"}, {"idn-ruby", "libidn-dev", "libidn12"}, {"snappy", "libsnappy-dev", "libsnappy1v5"}, {"rdkafka", "librdkafka-dev", "librdkafka1"},
	{"tiny_tds", "freetds-dev", "libsybdb5"}, {"ruby-oci8", "libaio-dev", "libaio1"}, {"zlib", "zlib1g-dev", "zlib1g"}, {"openssl", "libssl-dev", "libssl3"}, {"geos", "libgeos-dev", "libgeos-c1v5"}, {"hiredis", "libhiredis-dev", "libhiredis0.14"},
}

// failures are what is known to go wrong while Bundler installs; the texts are those of Bundler 2.4 to 4.0.
func failures(manifest, lock, vendored, platform string) []plan.Failure {
	update := "Run `bundle lock`, look at what it changes, and commit " + path.Base(lock) + "."
	list := []plan.Failure{
		{
			Shows: "contains merge conflicts", ID: "app/conflict", Title: path.Base(lock) + " holds a conflict of a merge", Where: lock,
			Hints: []string{"Solve it: `git checkout HEAD -- " + path.Base(lock) + "`, then `bundle lock`, and commit."},
		},
		{
			Shows: "Your lockfile is unreadable", Quote: regexp.MustCompile(`while evaluating\s+(\S+)`),
			ID: "ruby/lockfile-unreadable", Title: path.Base(lock) + " is not understood", Where: lock, Hints: []string{"Take it back from Git, or remove it and run `bundle lock`; then commit it."},
		},
		{
			Shows: "empty CHECKSUMS entry for", Quote: regexp.MustCompile(`empty\s+CHECKSUMS\s+entry\s+for\s+"([^"]+)"`),
			ID: "ruby/lockfile-out-of-sync", Title: path.Base(lock) + " lacks the checksum of a gem", Where: lock, Hints: []string{"Run `bundle lock --add-checksums`, and commit it."},
		},
		{
			Shows: "frozen mode is set", Quote: regexp.MustCompile(`(?m)^(?:You have )?((?:added to|deleted from|changed in) the Gemfile:\s+\* .*(?:\n\* .*)*)`),
			ID: "ruby/lockfile-out-of-sync", Title: path.Base(lock) + " does not fit the Gemfile, or the gemspecs in the source", Where: lock, Hints: []string{update},
		},
		{
			Quote: regexp.MustCompile(`(?s)There was an error (?:parsing|while loading)\s+(.*?)\.?\s+Bundler cannot\s+continue`),
			ID:    "ruby/gemfile-invalid", Title: "the Gemfile, or a gemspec in the source, cannot be evaluated", Where: manifest,
			Hints: []string{"The output above shows the line. Correct it, and run `bundle lock`."},
		},
		{
			Shows: "but your local platform is ruby", Quote: regexp.MustCompile(`(?s)(Your bundle only supports\s+platforms.*?local platform is\s+ruby)`),
			ID: "ruby/lockfile-platform", Title: path.Base(lock) + " names compiled gems only, and BUNDLE_FORCE_RUBY_PLATFORM wants none", Where: lock,
			Hints: []string{"Run `bundle lock --add-platform ruby`, and commit " + path.Base(lock) + "; or leave the variable out."},
		},
		{
			Shows: "Your bundle only supports platforms", Quote: regexp.MustCompile(`(?s)(Your bundle only supports\s+platforms.*?local platform is\s+\S+?)\.?\s`),
			ID: "ruby/lockfile-platform", Title: path.Base(lock) + " was made for other platforms only", Where: lock, Hints: []string{"Run `bundle lock --add-platform " + platform + "`, and commit " + path.Base(lock) + "."},
		},
		{
			Shows: "Your Ruby version is", Quote: regexp.MustCompile(`(Your Ruby version is .*)`),
			ID: "ruby/version-refused", Title: "the Gemfile refuses this version of Ruby", Where: manifest, Hints: []string{"Let the Gemfile and the other sources of the version agree; the log names the one that counted."},
		},
		{
			Shows: "Authentication is required for", Quote: regexp.MustCompile(`Authentication is required for (\S+?)\.?\s`),
			ID: "ruby/source-unauthorized", Title: "a gem server wants credentials", Where: manifest,
			Hints: []string{"Give the build a variable such as BUNDLE_GEMS__EXAMPLE__COM=user:token, or a service binding of type bundle with a file config."},
		},
		{
			Shows: "Bad username or password for",
			ID:    "ruby/source-unauthorized", Title: "a gem server refuses the credentials", Where: manifest, Hints: []string{"Check the variable BUNDLE_…, or the service binding of type bundle."},
		},
		{
			Shows: "has removed it", Quote: regexp.MustCompile(`Your bundle is locked to (\S+\s+\([^)]*\))`),
			ID: "ruby/gem-removed", Title: "a gem of the lockfile is not on the server any more", Where: lock, Hints: []string{"Run `bundle update` for that gem, and commit " + path.Base(lock) + "."},
		},
		{
			Quote: regexp.MustCompile(`(?s)Could not find\s+(.*?)\s+in\s+(?:cached\s+gems\s+or\s+installed\s+locally|locally\s+installed\s+gems)`),
			ID:    "ruby/gem-not-vendored", Title: "the source brings its gems, but not all of them", Where: vendored,
			Hints: []string{"Run `bundle cache --all-platforms`, and commit what it writes; or remove that folder: gems are fetched then."},
		},
		{
			Shows: "You need to install git", ID: "ruby/git-missing", Title: "a gem comes from a Git repository, and the build image has no Git", Where: manifest,
			Hints: []string{"Use a build image with Git."},
		},
		{
			Shows: "Git error: command", Quote: regexp.MustCompile(`(?m)^((?:fatal|error): .*)$`),
			ID: "ruby/git-source", Title: "a gem's Git repository cannot be read", Where: manifest,
			Hints: []string{"Check its address, branch and revision. For a private one give the build credentials, such as BUNDLE_GITHUB__COM=x-access-token:TOKEN."},
		},
		{
			Shows: "version solving has failed", Quote: regexp.MustCompile(`(?s)Could not find compatible versions\s+(.*?),?\s+version solving has failed`),
			ID: "ruby/gems-unsolvable", Title: "no versions of the gems fit each other", Where: manifest, Hints: []string{"Run `bundle lock` where you develop; when that succeeds, commit " + path.Base(lock) + "."},
		},
		{
			Shows: "Could not find gem", Quote: regexp.MustCompile(`Could not find gem\s+'([^']*)'`),
			ID: "ruby/gem-not-found", Title: "a gem is not where the Gemfile looks for it", Where: manifest, Hints: []string{"Check its name and version, and the source it comes from."},
		},
		{
			Shows: "Bundler found mismatched checksums", Quote: regexp.MustCompile(`(?m)^(\S+ \([^)]*\))$`),
			ID: "ruby/gem-checksum", Title: "a gem is not the one that the lockfile pins", Where: lock, Hints: []string{"If a server or proxy was changed on purpose, run `bundle lock --update` for the gem and commit the lockfile; otherwise do not go on."},
		},
		{
			Shows: "Could not reach host", Quote: regexp.MustCompile(`(?s)(Could not reach host\s+.*?)\.\s`),
			ID: "ruby/source-unreachable", Title: "a gem server cannot be reached", Where: manifest, Hints: []string{"Check the network of the build; a mirror is set with a service binding of type bundle."},
		},
	}
	list = append(list, plan.Failure{
		// Of mini_portile2.
		Shows: "retrie(s) left for ", Quote: regexp.MustCompile(`(?m)^\s*0 retrie\(s\) left for (.*)$`),
		ID: "ruby/gem-download", Title: "a gem fetches the source of a library while it is compiled, and does not get it", Where: lock,
		Hints: []string{
			"Let the lockfile name the gem as it comes compiled: `bundle lock --add-platform " + platform + "`, then commit it.",
			"Or have it use the system's library: give the build a variable such as BUNDLE_BUILD__NOKOGIRI=--use-system-libraries.",
		},
	})
	for _, l := range libraries {
		list = append(list, plan.Failure{
			// Not what is asked of the compiler: "checking for whether -Wconversion is accepted".
			Shows: "An error occurred while installing " + l.gem + " (", Quote: regexp.MustCompile(`(?m)^\s*(checking for (?:[^w]|w[^h]).*\.\.\. no|.*[^\s:]+\.h: No such file or directory|.*cannot find -l\S+)$`),
			ID: "ruby/native-library", Title: "the gem " + l.gem + " cannot be compiled", Where: manifest,
			Hints: []string{fmt.Sprintf("On Debian and Ubuntu it needs %s in the build image, and %s in the run image.", l.build, l.run)},
		})
	}
	return append(list, plan.Failure{
		Shows: "Failed to build gem native extension", Quote: regexp.MustCompile(`An error occurred while installing (.*?), and`),
		ID: "ruby/native-build", Title: "a gem with native code cannot be compiled", Where: manifest,
		Hints: []string{"The output above says what is missing: a compiler and make, or a library's -dev package, have to be in the build image."},
	})
}

// loadFailures are what is known to go wrong when the bundle is loaded in the image's variables, without Git and without a compiler.
func loadFailures(manifest, lock, platform string) []plan.Failure {
	add := "Run `bundle lock --add-platform " + platform + "`, and commit " + path.Base(lock) + "."
	return []plan.Failure{
		{
			Shows: "No such file or directory - git", Quote: regexp.MustCompile(`(There was an error (?:while loading|parsing) .*?)[.:] No such file`),
			ID: "ruby/bundle-needs-git", Title: "the Gemfile runs Git whenever the application starts, and images do not have it", Where: manifest,
			Hints: []string{"Write what it asks Git for into a file of the source, or guard it with `rescue Errno::ENOENT`."},
		},
		{
			Shows: "No such file or directory - ", Quote: regexp.MustCompile(`No such file or directory - (\S+?)\.?\s`),
			ID: "ruby/bundle-needs-program", Title: "the Gemfile runs a program whenever the application starts, and images do not have it", Where: manifest,
			Hints: []string{"Let the Gemfile do without it; what it needs to know can stand in a file of the source."},
		},
		{
			Shows: "Could not reach host",
			ID:    "ruby/bundle-incomplete", Title: "the lockfile lacks a gem for this platform: the application would ask for it at each start", Where: lock, Hints: []string{add},
		},
		{
			Shows: "Could not find", Quote: regexp.MustCompile(`(?m)^(Could not find .*)$`),
			ID: "ruby/bundle-incomplete", Title: "the application would not find all of its gems", Where: lock,
			Hints: []string{"If a gem is locked for other platforms only: " + add, "If the Gemfile depends on a variable, give the build the value that the container has."},
		},
		{
			Shows: "frozen", Quote: regexp.MustCompile(`(?m)^(.*frozen.*)$`),
			ID: "ruby/bundle-incomplete", Title: "the application would not find all of its gems", Where: lock,
			Hints: []string{add, "If the Gemfile depends on a variable, give the build the value that the container has."},
		},
		{
			Quote: regexp.MustCompile(`(?m)\A\s*(?:\[!\] )?(.+)$`),
			ID:    "ruby/bundle-does-not-load", Title: "the gems are installed, and do not load as they will in the image", Where: manifest,
			Hints: []string{"The output above is what the container would end with. Run `bundle lock`, and commit " + path.Base(lock) + ", if they do not fit each other."},
		},
	}
}

// leftOutFailures are those of a Rakefile that loads a gem of a group that is not installed.
func (p *Project) leftOutFailures() (list []plan.Failure) {
	groups := gemfile.GroupsOf(p.gemfile)
	for _, name := range slices.Sorted(maps.Keys(gemfile.LeftOut(p.gemfile, p.bundler.groups))) {
		first, _, _ := strings.Cut(name, "-")
		in := strings.Join(groups[name], " and ")
		list = append(list, plan.Failure{
			Quote: regexp.MustCompile(`cannot load such file -- ((?:` + regexp.QuoteMeta(name) + `|` + regexp.QuoteMeta(first) + `)(?:[/-][\w/-]*)?)(?:\s|$)`),
			ID:    "ruby/rakefile-needs-gem", Title: "the Rakefile loads " + name + ", which is in group " + in + ", and that is not installed", Where: p.in("Rakefile"),
			Hints: []string{
				"Guard it: begin; require \"" + first + "/…\"; …; rescue LoadError; end.",
				"Or have the group installed: BP_BUNDLE_WITHOUT names those that are not.",
			},
		})
	}
	return list
}

// assetFailures are what is known to go wrong while Rails builds assets.
func assetFailures(config string) []plan.Failure {
	return []plan.Failure{
		{
			// With Ruby's error_highlight, which shows the line.
			Quote: regexp.MustCompile(`(?s)for nil\b.{0,400}?(credentials(?:[.!]+\w+)+)`),
			ID:    "ruby/assets-need-credentials", Title: "building the assets reads encrypted credentials that are not there", Where: config,
			Hints: []string{"Read them so that they may be missing while the image is built: credentials.dig(:name, :key).", "Or give the build RAILS_MASTER_KEY, which is in no image."},
		},
		{
			Shows: "ActiveRecord::ConnectionNotEstablished", ID: "ruby/assets-need-database", Title: "building the assets asks the database", Where: config,
			Hints: []string{"There is none while an image is built: find the initializer or class body that asks it (the stack above), and let it do so later."},
		},
		{
			Shows: "ActiveRecord::NoDatabaseError", ID: "ruby/assets-need-database", Title: "building the assets asks the database", Where: config,
			Hints: []string{"There is none while an image is built: find the initializer or class body that asks it (the stack above), and let it do so later."},
		},
		{
			Shows: "could not connect to server", ID: "ruby/assets-need-database", Title: "building the assets asks the database", Where: config,
			Hints: []string{"There is none while an image is built: find the initializer or class body that asks it (the stack above), and let it do so later."},
		},
		{
			Shows: "ActiveSupport::EncryptedFile::MissingKeyError", ID: "ruby/assets-need-credentials", Title: "building the assets reads encrypted credentials", Where: config,
			Hints: []string{"Give the build RAILS_MASTER_KEY, which is in no image; or set config.require_master_key only where it runs."},
		},
		{
			Shows: "ActiveSupport::MessageEncryptor::InvalidMessage", ID: "ruby/assets-need-credentials", Title: "the encrypted credentials cannot be read with this key", Where: config,
			Hints: []string{"Check RAILS_MASTER_KEY of the build."},
		},
		{
			Shows: "key not found:", Quote: regexp.MustCompile(`(key not found: "[A-Za-z0-9_]+")`), ID: "ruby/assets-need-variable", Title: "building the assets needs a variable", Where: config,
			Hints: []string{"Give the build the variable, or let the code do without it: ENV[\"NAME\"] instead of ENV.fetch(\"NAME\")."},
		},
		{
			Shows: "ExecJS::RuntimeUnavailable", ID: "ruby/assets-need-node", Title: "building the assets needs Node.js", Where: config,
			Hints: []string{"Add a package.json to the application, so that Node.js is there while it is built."},
		},
		{
			Shows: "Don't know how to build task 'assets:precompile'", ID: "ruby/assets-no-task", Title: "the application has no task assets:precompile", Where: "Rakefile",
			Hints: []string{"Let the Rakefile load Rails' tasks: require_relative \"config/application\", then Rails.application.load_tasks."},
		},
	}
}
