package ruby_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What Bundler and Rails print when they fail, and what people read of it.
func TestFailuresWordForWord(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/plans/rails.txtar")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	p, err := read(t, archive)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	install, assets := p.Installs[0].Commands.All, p.Build.Steps[0].Command
	for name, c := range map[string]struct {
		command      plan.Command
		output, want string
	}{
		"a header is missing": {command: install, output: "checking for libpq-fe.h... no\n\nAn error occurred while installing pg (1.5.9), and Bundler cannot continue.\n",
			want: "Gemfile: the gem pg cannot be compiled: checking for libpq-fe.h... no [ruby/native-library]\nOn Debian and Ubuntu it needs libpq-dev in the build image, and libpq5 in the run image.\n"},
		"not what the compiler takes": {command: install, output: "checking for whether -Wconversion is accepted as CFLAGS... no\nchecking for mysql.h... no\nAn error occurred while installing mysql2 (0.5.6), and Bundler cannot continue.\n",
			want: "Gemfile: the gem mysql2 cannot be compiled: checking for mysql.h... no [ruby/native-library]\nOn Debian and Ubuntu it needs default-libmysqlclient-dev in the build image, and libmariadb3 in the run image.\n"},
		"a library's source": {command: install, output: "checking for whether -Wconversion is accepted as CFLAGS... no\n1 retrie(s) left for libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443)\n" +
			"0 retrie(s) left for libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443)\nAn error occurred while installing nokogiri (1.19.4), and Bundler cannot continue.\n",
			want: "Gemfile.lock: a gem fetches the source of a library while it is compiled, and does not get it: libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443) [ruby/gem-download]\n" +
				"Let the lockfile name the gem as it comes compiled: `bundle lock --add-platform x86_64-linux`, then commit it.\n" +
				"Or have it use the system's library: give the build a variable such as BUNDLE_BUILD__NOKOGIRI=--use-system-libraries.\n"},
		"a gem without a name here": {command: install, output: "ERROR: Failed to build gem native extension.\nAn error occurred while installing strange (1.0), and Bundler cannot continue.\n",
			want: "Gemfile: a gem with native code cannot be compiled: strange (1.0) [ruby/native-build]\nThe output above says what is missing: a compiler and make, or a library's -dev package, have to be in the build image.\n"},
		"the lockfile is older": {command: install, output: "The dependencies in your gemfile changed, but the lockfile can't be updated\nbecause frozen mode is set\n\nYou have added to the Gemfile:\n* rake\n* redis\n",
			want: "Gemfile.lock: Gemfile.lock does not fit the Gemfile, or the gemspecs in the source: added to the Gemfile: * rake * redis [ruby/lockfile-out-of-sync]\nRun `bundle lock`, look at what it changes, and commit Gemfile.lock.\n"},
		"credentials": {command: install, output: "Authentication is required for gems.example.com.\nPlease supply credentials for this source.\n",
			want: "Gemfile: a gem server wants credentials: gems.example.com [ruby/source-unauthorized]\nGive the build a variable such as BUNDLE_GEMS__EXAMPLE__COM=user:token, or a service binding of type bundle with a file config.\n"},
		"another gem": {command: install, output: "Could not find gem 'rack (~> 99)' in rubygems repository https://rubygems.org/ or installed locally.\n",
			want: "Gemfile: a gem is not where the Gemfile looks for it: rack (~> 99) [ruby/gem-not-found]\nCheck its name and version, and the source it comes from.\n"},
		"a removed gem": {command: install, output: "Your bundle is locked to rack (3.9.99) from rubygems repository\nhttps://rubygems.org/ or installed locally, but that version can no longer be\nfound in that source. That means the author of rack (3.9.99) has removed it.\n",
			want: "Gemfile.lock: a gem of the lockfile is not on the server any more: rack (3.9.99) [ruby/gem-removed]\nRun `bundle update` for that gem, and commit Gemfile.lock.\n"},
		"a vendored gem": {command: install, output: "Could not find rack-3.9.99 in locally installed gems\n",
			want: "vendor/cache: the source brings its gems, but not all of them: rack-3.9.99 [ruby/gem-not-vendored]\nRun `bundle cache --all-platforms`, and commit what it writes; or remove that folder: gems are fetched then.\n"},
		"a Git repository": {command: install, output: "Git error: command `git clone --bare -- https://git.example/x.git /a/b` in directory /a/b has failed.\nfatal: unable to access 'https://git.example/x.git/': Failed to connect to git.example port 443\n",
			want: "Gemfile: a gem's Git repository cannot be read: fatal: unable to access 'https://git.example/x.git/': Failed to connect to git.example port 443 [ruby/git-source]\n" +
				"Check its address, branch and revision. For a private one give the build credentials, such as BUNDLE_GITHUB__COM=x-access-token:TOKEN.\n"},
		"no Git": {command: install, output: "You need to install git to be able to use gems from git repositories. For help\ninstalling git, please refer to GitHub's tutorial at https://help.github.com/articles/set-up-git\n",
			want: "Gemfile: a gem comes from a Git repository, and the build image has no Git [ruby/git-missing]\nUse a build image with Git.\n"},
		"versions that do not fit": {command: install, output: "Could not find compatible versions\n\nBecause every version of selenium-webdriver depends on rexml >= 3.2.5, < 4.A\nand rexml >= 3.2.5, < 4.A could not be found in rubygems repository\nhttps://rubygems.org/ or installed locally,\n  selenium-webdriver cannot be used.\nSo, because Gemfile depends on selenium-webdriver >= 0,\n  version solving has failed.\n",
			want: "Gemfile: no versions of the gems fit each other: Because every version of selenium-webdriver depends on rexml >= 3.2.5, < 4.A and rexml >= 3.2.5, < 4.A could not be found in rubygems repository " +
				"https://rubygems.org/ or installed locally, selenium-webdriver cannot be used. So, because Gemfile depends on selenium-webdriver >= 0 [ruby/gems-unsolvable]\n" +
				"Run `bundle lock` where you develop; when that succeeds, commit Gemfile.lock.\n"},
		"the database": {command: assets, output: "ActiveRecord::ConnectionNotEstablished: connection to server at \"127.0.0.1\" failed\n",
			want: "config: building the assets asks the database [ruby/assets-need-database]\nThere is none while an image is built: find the initializer or class body that asks it (the stack above), and let it do so later.\n"},
		"a variable": {command: assets, output: "KeyError: key not found: \"S3_BUCKET\" (KeyError)\n",
			want: "config: building the assets needs a variable: key not found: \"S3_BUCKET\" [ruby/assets-need-variable]\nGive the build the variable, or let the code do without it: ENV[\"NAME\"] instead of ENV.fetch(\"NAME\").\n"},
		"credentials of Rails": {command: assets, output: "ActiveSupport::EncryptedFile::MissingKeyError: Missing encryption key to decrypt file with.\n",
			want: "config: building the assets reads encrypted credentials [ruby/assets-need-credentials]\nGive the build RAILS_MASTER_KEY, which is in no image; or set config.require_master_key only where it runs.\n"},
		"Node.js": {command: assets, output: "ExecJS::RuntimeUnavailable: Could not find a JavaScript runtime.\n",
			want: "config: building the assets needs Node.js [ruby/assets-need-node]\nAdd a package.json to the application, so that Node.js is there while it is built.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			file := filepath.Join(t.TempDir(), "output")
			g.Expect(os.WriteFile(file, []byte(c.output), 0o644)).To(Succeed())
			step := c.command
			step.Args, step.Dir = []string{"/bin/sh", "-c", "cat " + file + "; exit 5"}, ""
			err := command.Runner{Dir: t.TempDir(), Output: io.Discard}.Run(context.Background(), step)
			g.Expect(err).To(HaveOccurred())
			text := err.Error() + "\n"
			for _, hint := range problem.As(err).Hints {
				text += hint + "\n"
			}
			g.Expect(text).To(Equal(c.want))
		})
	}
}

// What Bundler 2.5, 2.6 and 4.0 print is recognised. The texts are taken from running them, less their advice about root.
func TestBundlersWords(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/plans/rails.txtar")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	p, err := read(t, archive)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	words, err := txtar.ParseFile("testdata/bundler.txtar")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	ids := map[string]string{
		"added": "ruby/lockfile-out-of-sync", "deleted": "ruby/lockfile-out-of-sync", "pathmissing": "ruby/lockfile-out-of-sync", "checksum": "ruby/gem-checksum",
		"nochecksum": "ruby/lockfile-out-of-sync", "vendored": "ruby/gem-not-vendored", "force": "ruby/lockfile-platform", "platform": "ruby/lockfile-platform", "markers": "app/conflict",
		"removed": "ruby/gem-removed", "notfound": "ruby/gem-not-found", "ruby": "ruby/version-refused", "gitmissing": "ruby/git-source",
		"sourcedown": "ruby/source-unreachable", "syntax": "ruby/gemfile-invalid", "unreadable": "ruby/lockfile-unreadable",
	}
	var said strings.Builder
	for _, file := range words.Files {
		c := p.Installs[0].Commands.All
		text := filepath.Join(t.TempDir(), "output")
		NewWithT(t).Expect(os.WriteFile(text, file.Data, 0o644)).To(Succeed())
		c.Args = []string{"/bin/sh", "-c", "cat " + text + "; exit 1"}
		err := command.Runner{Env: os.Environ(), Output: io.Discard}.Run(context.Background(), c)
		_, scenario, _ := strings.Cut(file.Name, " ")
		NewWithT(t).Expect(problem.As(err).ID).To(Equal(ids[scenario]), file.Name)
		said.WriteString(file.Name + "\n" + err.Error() + "\n" + strings.Join(problem.As(err).Hints, "\n") + "\n\n")
	}
	compare(NewWithT(t), "testdata/bundler.txt", said.String())
}
