// Command releases brings the inventory (internal/plan/inventory/releases.json) and the dependencies in buildpack.toml up to date: from the npm registry's packages of
// Node.js and of package managers, and from the release schedule of Node.js. What it cannot reach it leaves as it is, and says
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
	registry := flags.String("registry", "https://registry.npmjs.org", "the npm registry")
	schedule := flags.String("schedule", "https://raw.githubusercontent.com/nodejs/Release/main/schedule.json", "the release schedule of Node.js: an address or a file")
	unsigned := flags.Bool("allow-unsigned", false, "take packages from a mirror that does not hand on the registry's signatures")
	date := flags.String("date", time.Now().UTC().Format(time.DateOnly), "the date of the inventory, YYYY-MM-DD")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	inventory, err := readInventory(*file)
	if err != nil {
		return err
	}
	var changes []string
	note := func(format string, values ...any) { changes = append(changes, fmt.Sprintf(format, values...)) }
	if text, err := get(ctx, *schedule); err != nil {
		note("The schedule of Node.js is unchanged: %v", err)
	} else {
		dated, err := inventory.withSchedule(text)
		if err != nil {
			return err
		}
		inventory = dated
	}
	source, err := openRegistry(ctx, *registry, *unsigned)
	if err != nil {
		return err
	}
	updated, added, err := inventory.withReleases(ctx, source)
	if err != nil {
		return err
	}
	updated.Date = *date
	if err := updated.write(*file); err != nil {
		return err
	}
	if err := updated.writeDependencies(*buildpack); err != nil {
		return err
	}
	for _, line := range append(changes, added...) {
		fmt.Fprintln(out, line)
	}
	if len(added) == 0 {
		fmt.Fprintln(out, "No newer releases.")
	}
	return nil
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
