//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// localProcess gives the first process of a container that gantry run has started, and the variables for what is started in it.
func localProcess(name string) (pid int, env []string, err error) {
	return containers(homeFolder()).Process(name)
}

// containerImage gives the image of a container that gantry run has started.
func containerImage(name string) (string, error) {
	r, err := containers(homeFolder()).Find(name)
	if err == nil && r.Source == "" {
		return "", &problem.Problem{ID: "audit/image", Title: "the image of run://" + name + " is not known", Why: "an older gantry has started it", Hints: []string{"Name the image itself, or its application's folder."}}
	}
	return r.Source, err
}

// keptImage gives the layout that the last build of an application has kept.
func keptImage(app string) (string, error) {
	kept := filepath.Join(localbuild.CacheOf(homeFolder(), app), "image")
	if _, err := os.Stat(filepath.Join(kept, "index.json")); err != nil {
		return "", &problem.Problem{ID: "audit/image", Title: "no image of " + app + " is kept", Why: "it was not built yet, or with a --cache of its own", Hints: []string{"Build it: gantry build " + app, "Or name the image: a reference, or the folder that the build says."}, Err: err}
	}
	return kept, nil
}

// endedCrashes gives the folder with the crashes of a container that has ended; false for one that runs, or of which none is known.
func endedCrashes(name string) (dir string, ended bool) {
	records := containers(homeFolder())
	r, err := records.Find(name)
	return records.Crashes(name), err == nil && !r.Running()
}

// listContainers lists what gantry run has started.
func listContainers(c *cobra.Command) error {
	type row struct {
		Name    string    `json:"name"`
		Image   string    `json:"image"`
		State   string    `json:"state"`
		Started time.Time `json:"started"`
		Ports   []string  `json:"ports"`
		Ended   time.Time `json:"ended,omitzero"`
	}
	rows := []row{}
	records := containers(homeFolder())
	records.Forget()
	for _, r := range records.List() {
		rows = append(rows, row{r.Name, r.Image, stateOf(r), r.Started, r.Ports, r.Ended})
	}
	if asJSON, _ := c.Flags().GetBool("json"); asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(os.Stderr, "Nothing runs that gantry run has started. Of a container elsewhere: gantry ps deploy/web, or docker://web.")
		return nil
	}
	fmt.Printf("%-24s  %-12s  %-10s  %s\n", "NAME", "STATE", "RUNNING", "PORTS")
	for _, r := range rows {
		lasted := "-"
		switch {
		case r.State == "running":
			lasted = time.Since(r.Started).Truncate(time.Second).String()
		case !r.Ended.IsZero():
			lasted = r.Ended.Sub(r.Started).Truncate(time.Second).String()
		}
		fmt.Printf("%-24s  %-12s  %-10s  %s\n", r.Name, r.State, lasted, strings.Join(r.Ports, ", "))
	}
	return nil
}

// stateOf says in a word or two what a container does.
func stateOf(r run.Record) string {
	switch {
	case r.Code != nil:
		return fmt.Sprintf("ended (%d)", *r.Code)
	case r.Running():
		return "running"
	case r.Kept():
		return "starting"
	}
	return "gone"
}
