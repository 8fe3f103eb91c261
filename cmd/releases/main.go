// Command releases brings the inventory (internal/plan/inventory/releases.json) and the dependencies in buildpack.toml up to date: from the npm registry's packages of
// Node.js and of package managers, from nodejs.org, and from the lists of Ruby. What it cannot reach it leaves as it is, and says
// so. scripts/update-releases.sh runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "releases:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("releases", flag.ContinueOnError)
	flags.SetOutput(out)
	file := flags.String("inventory", "internal/plan/inventory/releases.json", "the inventory to update")
	buildpack := flags.String("buildpack-toml", "buildpack.toml", "the buildpack.toml whose dependencies to write")
	var s sources
	flags.StringVar(&s.registry, "registry", "https://registry.npmjs.org", "the npm registry")
	flags.StringVar(&s.nodejsOrg, "nodejs-org", "https://nodejs.org/dist", "the official archives of Node.js")
	flags.StringVar(&s.keys, "nodejs-keys", "", "a folder of the keys that they are signed with, as *.asc (default: those of Node.js' releasers)")
	flags.StringVar(&s.schedule, "schedule", "https://raw.githubusercontent.com/nodejs/Release/main/schedule.json", "the release schedule of Node.js: an address or a file")
	flags.StringVar(&s.branches, "ruby-branches", "https://raw.githubusercontent.com/ruby/www.ruby-lang.org/master/_data/branches.yml", "the lines of Ruby: an address or a file")
	flags.StringVar(&s.portable, "portable-ruby", "https://api.github.com/repos/bazel-contrib/portable-ruby/releases?per_page=100", "the builds of Ruby: an address or a file")
	flags.BoolVar(&s.unsigned, "allow-unsigned", false, "take packages from a mirror that does not hand on the registry's signatures")
	date := flags.String("date", time.Now().UTC().Format(time.DateOnly), "the date of the inventory, YYYY-MM-DD")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	inventory, err := readInventory(*file)
	if err != nil {
		return err
	}
	inventory.Date = *date
	updated, changes, err := inventory.updated(ctx, s)
	if err != nil {
		return err
	}
	if err := updated.write(*file); err != nil {
		return err
	}
	if err := updated.writeDependencies(*buildpack); err != nil {
		return err
	}
	for _, line := range changes {
		fmt.Fprintln(out, line)
	}
	return nil
}

// sources are where releases are listed: addresses, or files.
type sources struct {
	registry, nodejsOrg, keys, schedule, branches, portable string
	// unsigned: packages of the registry are taken without its signature.
	unsigned bool
}

// updated gives the inventory with what the sources have, and tells what changed. All of them but the registry may be out of reach.
func (i inventory) updated(ctx context.Context, s sources) (inventory, []string, error) {
	var told, added []string
	for _, list := range []struct {
		place, title string
		take         func(inventory, []byte) (inventory, []string, error)
	}{
		{s.schedule, "The schedule of Node.js is unchanged", func(i inventory, text []byte) (inventory, []string, error) {
			dated, err := i.withSchedule(text)
			return dated, nil, err
		}},
		{s.branches, "The ends of Ruby's lines are unchanged", func(i inventory, text []byte) (inventory, []string, error) {
			dated, err := i.withBranches(text)
			return dated, nil, err
		}},
		{s.portable, "The builds of Ruby are unchanged", inventory.withPortable},
	} {
		text, err := get(ctx, list.place)
		if err != nil {
			told = append(told, fmt.Sprintf("%s: %v", list.title, err))
			continue
		}
		more, names, err := list.take(i, text)
		if err != nil {
			return i, nil, err
		}
		i, added = more, append(added, names...)
	}
	official, err := openNodejsOrg(s.nodejsOrg, s.keys)
	if err != nil {
		return i, nil, err
	}
	if published, err := official.published(ctx); err != nil {
		told = append(told, fmt.Sprintf("The checksums of nodejs.org are unchanged: %v", err))
	} else {
		more, names, err := i.withOfficial(ctx, official, published)
		if err != nil {
			return i, nil, err
		}
		i, added = more, append(added, names...)
	}
	npm, err := openRegistry(ctx, s.registry, s.unsigned)
	if err != nil {
		return i, nil, err
	}
	i, names, err := i.withReleases(ctx, npm)
	if err != nil {
		return i, nil, err
	}
	if added = append(added, names...); len(added) == 0 {
		added = []string{"No newer releases."}
	}
	return i, append(told, added...), nil
}

// most is how large an answer may be, in bytes: the registry's list of all versions of a package has some megabytes.
const most = 64 << 20

// get reads an address, or a file.
func get(ctx context.Context, place string) ([]byte, error) {
	if !strings.Contains(place, "://") {
		return os.ReadFile(place)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", place, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, most))
}
