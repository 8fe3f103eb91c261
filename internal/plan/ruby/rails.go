package ruby

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// bootsnapCode runs Bootsnap's own program, whose place in a bundle differs. Ruby's library is somewhere else at launch.
const bootsnapCode = `require "bootsnap/cli"; exit Bootsnap::CLI.new(["precompile", "--gemfile", "--exclude", "^" + Regexp.escape(RbConfig::CONFIG["prefix"])]).run`

// bootsnap has the gems compiled, where that is asked for and the application loads Bootsnap: its cache knows files by their
// times and sizes. It is not the rule, since Ruby does not write the same bytes for the same code.
// The application's own code is left out, for that would have the gems unpacked for every change of it.
// https://github.com/rails/bootsnap#precompilation
func (p *Project) bootsnap() *plan.Compiled {
	version, err := gemfile.Parse(p.gems.Version("bootsnap"))
	known, _ := gemfile.ParseRequirement(">= 1.16")
	if p.settings.BootsnapPrecompile.Value != "true" || err != nil || !known.Matches(version) || !strings.Contains(p.read("config/boot.rb"), "bootsnap/setup") {
		return nil
	}
	return &plan.Compiled{Dir: p.in(bootsnapDir), Compile: plan.Command{
		Title: "bootsnap precompile --gemfile", Args: []string{"ruby", "-rbundler/setup", "-e", bootsnapCode}, Dir: p.dir,
		Env: map[string]string{"BOOTSNAP_CACHE_DIR": bootsnapDir, "BUNDLE_WITHOUT": p.launchWithout()},
	}}
}

// bootsnapDir is where it writes, relative to the application.
const bootsnapDir = bundleDir + "/bootsnap"

// knowsDummy reports whether Rails makes up a secret for tasks itself (7.1 and later).
func (p *Project) knowsDummy() bool {
	version := p.gems.Version("railties")
	return version != "" && !strings.HasPrefix(version, "7.0.") && !slices.Contains([]string{"5", "6"}, version[:1])
}

// masterKey opens Rails' encrypted configuration:
// https://guides.rubyonrails.org/security.html#custom-credentials.
const masterKey = "config/master.key"

// credentials are files of it; those of another environment are read where RAILS_ENV names it.
func (p *Project) credentials() (names []string) {
	for _, pattern := range []string{"config/credentials.yml.enc", "config/credentials/*.yml.enc"} {
		// The pattern is right.
		found, _ := fs.Glob(p.app.FS, p.in(pattern))
		names = append(names, found...)
	}
	return names
}

// ownSecret is where the application itself says what signs cookies: https://guides.rubyonrails.org/configuring.html#config-secret-key-base.
var ownSecret = lazyregexp.New(`(?m)^[^#\n]*\b(?:config|Rails\.application)\.secret_key_base\s*=`)

func (p *Project) hasOwnSecret() bool {
	files, _ := fs.Glob(p.app.FS, p.in("config/initializers/*.rb"))
	more, _ := fs.Glob(p.app.FS, p.in("config/environments/*.rb"))
	return slices.ContainsFunc(slices.Concat(files, more, []string{p.in(railsFile)}), func(name string) bool {
		text, _, err := p.app.Read(name)
		return err == nil && ownSecret().Match(text)
	})
}

var databaseURL = lazyregexp.New(`ENV(?:\.fetch\(|\[)\s*["']DATABASE_URL["']\s*(,|\)|\])`)

// needed is what the running application needs from outside.
type needed struct {
	needs  plan.Needs
	remove []string
	notes  plan.Notes
}

// needs gives what the running application certainly needs, for the contract; what somebody declares counts before it.
func (p *Project) needs() (n needed) {
	if !p.rails() {
		return n
	}
	secret := plan.Variable{Name: "SECRET_KEY_BASE", Secret: true, Required: true, Description: "Rails signs and encrypts cookies with it; `rails secret` makes one"}
	own := p.hasOwnSecret()
	secret.Required = !own
	if files := p.credentials(); len(files) > 0 {
		secret.Required = false
		n.needs.Variables = append(n.needs.Variables, plan.Variable{Name: "RAILS_MASTER_KEY", Secret: true, Description: "decrypts " + strings.Join(files, ", ")})
		if !own {
			n.needs.AtLeastOne = append(n.needs.AtLeastOne, []string{"RAILS_MASTER_KEY", "SECRET_KEY_BASE"})
		}
	}
	n.needs.Variables = append(n.needs.Variables, secret)
	// A value behind it makes it optional.
	if m := databaseURL().FindStringSubmatch(p.read("config/database.yml")); m != nil && m[1] == ")" {
		n.needs.Variables = append(n.needs.Variables, plan.Variable{Name: "DATABASE_URL", Type: "url", Secret: true, Required: true, Description: "config/database.yml reads it"})
	}
	if p.has(masterKey) {
		n.remove = []string{p.in(masterKey)}
		n.notes.Warnings = []string{path.Join(p.dir, masterKey) + " is a secret. It is left out of the image; give it to the container as RAILS_MASTER_KEY, and take it out of the source."}
	}
	return n
}
