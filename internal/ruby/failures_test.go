package ruby_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/run"
)

// What Bundler and Rails print when they fail, and what people read of it.
func TestFailuresWordForWord(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/plans/rails.txtar")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	p, err := read(t, archive)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	install, assets := p.Dependencies.Install, p.Scripts[0]
	for name, c := range map[string]struct {
		command      plan.Command
		output, want string
	}{
		"a header is missing": {install, "checking for libpq-fe.h... no\n\nAn error occurred while installing pg (1.5.9), and Bundler cannot continue.\n",
			"Gemfile: the gem pg cannot be compiled: checking for libpq-fe.h... no [ruby/native-library]\nOn Debian and Ubuntu it needs libpq-dev in the build image, and libpq5 in the run image.\n"},
		"not what the compiler takes": {install, "checking for whether -Wconversion is accepted as CFLAGS... no\nchecking for mysql.h... no\nAn error occurred while installing mysql2 (0.5.6), and Bundler cannot continue.\n",
			"Gemfile: the gem mysql2 cannot be compiled: checking for mysql.h... no [ruby/native-library]\nOn Debian and Ubuntu it needs default-libmysqlclient-dev in the build image, and libmariadb3 in the run image.\n"},
		"a library's source": {install, "checking for whether -Wconversion is accepted as CFLAGS... no\n1 retrie(s) left for libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443)\n" +
			"0 retrie(s) left for libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443)\nAn error occurred while installing nokogiri (1.19.4), and Bundler cannot continue.\n",
			"Gemfile.lock: a gem fetches the source of a library while it is compiled, and does not get it: libxml2-2.13.9.tar.xz (Failed to open TCP connection to download.gnome.org:443) [ruby/gem-download]\n" +
				"Let the lockfile name the gem as it comes compiled: `bundle lock --add-platform x86_64-linux`, then commit it.\n" +
				"Or have it use the system's library: give the build a variable such as BUNDLE_BUILD__NOKOGIRI=--use-system-libraries.\n"},
		"a gem without a name here": {install, "ERROR: Failed to build gem native extension.\nAn error occurred while installing strange (1.0), and Bundler cannot continue.\n",
			"Gemfile: a gem with native code cannot be compiled: strange (1.0) [ruby/native-build]\nThe output above says what is missing: a compiler and make, or a library's -dev package, have to be in the build image.\n"},
		"the lockfile is older": {install, "The dependencies in your gemfile changed, but the lockfile can't be updated\nbecause frozen mode is set\n\nYou have added to the Gemfile:\n* rake\n* redis\n",
			"Gemfile.lock: Gemfile.lock does not fit the Gemfile: rake; redis [ruby/lockfile-out-of-sync]\nRun `bundle lock`, look at what it changes, and commit Gemfile.lock.\n"},
		"credentials": {install, "Authentication is required for gems.example.com.\nPlease supply credentials for this source.\n",
			"Gemfile: a gem server wants credentials: gems.example.com [ruby/source-unauthorized]\nGive the build a variable such as BUNDLE_GEMS__EXAMPLE__COM=user:token, or a service binding of type bundle with a file config.\n"},
		"another gem": {install, "Could not find gem 'rack (~> 99)' in rubygems repository https://rubygems.org/ or installed locally.\n",
			"Gemfile: a gem is not where the Gemfile looks for it: Could not find gem 'rack (~> 99)' in rubygems repository https://rubygems.org/ or installed locally. [ruby/gem-not-found]\nCheck its name and version, and the source it comes from.\n"},
		"the database": {assets, "ActiveRecord::ConnectionNotEstablished: connection to server at \"127.0.0.1\" failed\n",
			"config: building the assets asks the database [ruby/assets-need-database]\nThere is none while an image is built: find the initializer or class body that asks it (the stack above), and let it do so later.\n"},
		"a variable": {assets, "KeyError: key not found: \"S3_BUCKET\" (KeyError)\n",
			"config: building the assets needs a variable: key not found: \"S3_BUCKET\" [ruby/assets-need-variable]\nGive the build the variable, or let the code do without it: ENV[\"NAME\"] instead of ENV.fetch(\"NAME\").\n"},
		"credentials of Rails": {assets, "ActiveSupport::EncryptedFile::MissingKeyError: Missing encryption key to decrypt file with.\n",
			"config: building the assets reads encrypted credentials [ruby/assets-need-credentials]\nGive the build RAILS_MASTER_KEY, which is in no image; or set config.require_master_key only where it runs.\n"},
		"Node.js": {assets, "ExecJS::RuntimeUnavailable: Could not find a JavaScript runtime.\n",
			"config: building the assets needs Node.js [ruby/assets-need-node]\nAdd a package.json to the application, so that Node.js is there while it is built.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			file := filepath.Join(t.TempDir(), "output")
			g.Expect(os.WriteFile(file, []byte(c.output), 0o644)).To(Succeed())
			command := c.command
			command.Args, command.Dir = []string{"/bin/sh", "-c", "cat " + file + "; exit 5"}, ""
			err := run.Runner{Dir: t.TempDir(), Output: io.Discard}.Run(context.Background(), command)
			g.Expect(err).To(HaveOccurred())
			text := err.Error() + "\n"
			for _, hint := range problem.As(err).Hints {
				text += hint + "\n"
			}
			g.Expect(text).To(Equal(c.want))
		})
	}
}
