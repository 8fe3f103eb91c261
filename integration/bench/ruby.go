package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// benchRuby is the Ruby of the measurements.
const benchRuby = "ruby-3.3.8-linux-amd64.tar.gz"

// rails measures builds of a Rails application with SQLite and Propshaft: bin/build against plain Bundler and Rails, with
// the same Ruby and the same gem server. Without the folder GANTRY_TEST_MIRROR, which has these, nothing is measured.
func (b *bench) rails(ctx context.Context) error {
	mirror := os.Getenv("GANTRY_TEST_MIRROR")
	if mirror == "" {
		fmt.Println("  Ruby is not measured: GANTRY_TEST_MIRROR names no folder with Rubies and gems")
		return nil
	}
	gems, ruby := filepath.Join(b.home, "gems"), filepath.Join(b.home, "ruby")
	for archive, dir := range map[string]string{"gems.tar.gz": gems, benchRuby: ruby} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, "tar", "-xzf", filepath.Join(mirror, archive), "-C", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(gems, "gemrepo"))))
	mux.Handle("/"+benchRuby, http.FileServer(http.Dir(mirror)))
	server := httptest.NewServer(mux)
	defer server.Close()
	binding := filepath.Join(b.home, "rubygems")
	if err := os.MkdirAll(binding, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"type": "bundle", "config": "---\nBUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/: \"" + server.URL + "/\"\n"} {
		if err := os.WriteFile(filepath.Join(binding, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(filepath.Join(mirror, benchRuby))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	fresh := func() (*project, error) {
		p, err := b.project("../integration/testdata/ruby/rails")
		if err == nil {
			p.env["BP_RUBY_ARCHIVE"] = server.URL + "/" + benchRuby + "#sha256=" + hex.EncodeToString(sum[:])
			p.volumes = []localbuild.Volume{{Source: binding, Target: "/platform/bindings/rubygems"}}
		}
		return p, err
	}
	return b.measureRails(ctx, fresh, plainRails{b, ruby, binding})
}

// plainRails is what one would do without a buildpack.
type plainRails struct {
	b             *bench
	ruby, binding string
}

// run runs Bundler's and Rails' commands in an application.
func (r plainRails) run(ctx context.Context, p *project, home string, commands ...[]string) (total cost, err error) {
	env := []string{
		"PATH=" + r.ruby + "/bin:" + os.Getenv("PATH"), "BUNDLE_USER_CONFIG=" + r.binding + "/config", "BUNDLE_USER_HOME=" + home, "BUNDLE_PATH=vendor/bundle",
		"BUNDLE_WITHOUT=development:test", "BUNDLE_FROZEN=true", "BUNDLE_JOBS=4", "RAILS_ENV=production", "SECRET_KEY_BASE_DUMMY=1",
	}
	for _, args := range commands {
		c, err := command{dir: p.dir, env: env, args: append([]string{filepath.Join(r.ruby, "bin", args[0])}, args[1:]...)}.run(ctx)
		if err != nil {
			return cost{}, err
		}
		total.Wall += c.Wall
	}
	return total, nil
}

func (b *bench) measureRails(ctx context.Context, fresh func() (*project, error), plain plainRails) error {
	install, precompile := []string{"bundle", "install"}, []string{"bundle", "exec", "rake", "assets:precompile"}
	var p, q *project
	own := func(change func(p *project, run int) error) func(int) (cost, error) {
		return func(run int) (cost, error) {
			if err := change(p, run); err != nil {
				return cost{}, err
			}
			_, log, err := p.build(ctx)
			if err != nil {
				return cost{}, err
			}
			return costOf(log, "build")
		}
	}
	nothing := func(*project, int) error { return nil }
	kinds := []struct {
		name, what string
		change     func(p *project, run int) error
		plain      [][]string
	}{
		{"first", "first build, against bundle install and assets:precompile", func(*project, int) (err error) {
			if p, err = fresh(); err == nil {
				q, err = fresh()
			}
			return err
		}, [][]string{install, precompile}},
		{"same", "rebuild, nothing changed, against the same commands with nothing to do", nothing, [][]string{install, precompile}},
		{"view", "rebuild, a view edited, against the same", func(p *project, run int) error {
			return appendTo(filepath.Join(p.dir, "app/views/pages/home.html.erb"), fmt.Sprintf("<p>%d</p>\n", run))
		}, [][]string{install, precompile}},
		{"asset", "rebuild, a stylesheet edited, against the same", func(p *project, run int) error {
			return appendTo(filepath.Join(p.dir, "app/assets/stylesheets/application.css"), fmt.Sprintf("p { margin: %dpx }\n", run))
		}, [][]string{install, precompile}},
	}
	for _, kind := range kinds {
		ours, theirs, err := alternate(b.runs, own(kind.change), func(run int) (cost, error) {
			home := filepath.Join(b.home, "bundler-home")
			if kind.name == "first" {
				home += fmt.Sprint(run)
			}
			return plain.run(ctx, q, home, kind.plain...)
		})
		if err != nil {
			return err
		}
		b.add("rails-"+kind.name, "Rails with SQLite and Propshaft: "+kind.what+"; bin/build", "s", walls(ours), walls(theirs))
	}
	return b.railsImage(p, plain.ruby, q)
}

// railsImage compares what the image has above the run image with Ruby's distribution and the gems as Bundler leaves them.
func (b *bench) railsImage(p *project, ruby string, plain *project) error {
	ours, err := b.above(context.Background(), p)
	if err != nil {
		return err
	}
	theirs, _, err := weigh(ruby)
	if err != nil {
		return err
	}
	gems, _, err := weigh(filepath.Join(plain.dir, "vendor/bundle"))
	if err != nil {
		return err
	}
	b.add("rails-image", "everything above the run image, unpacked, against Ruby's distribution and the gems as Bundler installs them", "MB", []float64{ours / 1e6}, []float64{(theirs + gems) / 1e6})
	return nil
}

func appendTo(file, text string) error {
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := out.WriteString(text); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
