//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// localProcess gives the first process of a container that gantry run has started, and the variables for what is started in it.
func localProcess(name string) (pid int, env []string, err error) {
	return containers(homeFolder()).Process(name)
}

// listContainers lists what gantry run has started.
func listContainers(c *cobra.Command) error {
	type row struct {
		Name    string    `json:"name"`
		Image   string    `json:"image"`
		State   string    `json:"state"`
		Started time.Time `json:"started"`
		Ports   []string  `json:"ports"`
	}
	rows := []row{}
	for _, r := range containers(homeFolder()).List() {
		state := "running"
		if r.Code != nil {
			state = fmt.Sprintf("ended (%d)", *r.Code)
		} else if !r.Running() {
			state = "starting"
			if time.Since(r.Started) > time.Minute {
				state = "gone"
			}
		}
		rows = append(rows, row{r.Name, r.Image, state, r.Started, r.Ports})
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
		fmt.Printf("%-24s  %-12s  %-10s  %s\n", r.Name, r.State, time.Since(r.Started).Truncate(time.Second), strings.Join(r.Ports, ", "))
	}
	return nil
}
