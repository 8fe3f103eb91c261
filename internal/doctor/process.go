package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/capture"
)

// manyFiles is the share of the open files from which on a process is close to its limit.
const manyFiles = 0.8

func processes(p Patient) []Finding {
	if p.Image.Runtime != "node" {
		return nil
	}
	list := []Finding{}
	for _, process := range capture.Processes(capture.Node) {
		dir := filepath.Join(p.Proc, fmt.Sprint(process.PID))
		open, _ := os.ReadDir(dir + "/fd")
		limit := limitOf(dir, "Max open files")
		f := Finding{Check: "processes", Status: OK, Facts: map[string]any{
			"pid": process.PID, "memory-bytes": process.Memory, "open-files": len(open), "open-files-limit": limit, "running-seconds": int(process.Running.Seconds()),
		}}
		f.Text = fmt.Sprintf("%d  %s, %s, %d of %d files open: %s", process.PID, process.Running, mebibytes(process.Memory), len(open), limit, process.Command)
		if limit > 0 && float64(len(open)) > manyFiles*float64(limit) {
			f.Status, f.Advice = Warning, "It is close to its limit of files and connections: raise it (ulimits, nofile), or see what it keeps open: gantry threads."
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, Finding{Check: "processes", Status: Warning, Text: "no process of Node.js can be seen", Advice: "Run this in the application's container, as the application's user."})
	}
	return list
}

// limitOf reads a line of /proc/PID/limits: its soft limit.
func limitOf(dir, name string) int64 {
	text, _ := os.ReadFile(dir + "/limits")
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return number(soft)
		}
	}
	return 0
}

// heap tells the flags that are in force: those that the launch check has added are among them.
func heap(p Patient) []Finding {
	if p.Image.Runtime != "node" {
		return nil
	}
	var list []Finding
	seen := map[string]bool{}
	for _, process := range capture.Processes(capture.Node) {
		options, err := process.Variable("NODE_OPTIONS")
		if err != nil || seen[options] {
			continue
		}
		seen[options] = true
		f := Finding{Check: "runtime", Status: OK, Text: "NODE_OPTIONS " + options, Facts: map[string]any{"node-options": strings.Fields(options)}}
		if options == "" {
			f.Text = "NODE_OPTIONS is not set"
			if limit := p.Facts.Memory; limit > 0 {
				f.Status, f.Text = Warning, "NODE_OPTIONS is not set: the heap is not fitted to the container"
				f.Advice = "The application was started past the launcher: start a process type of the image."
			}
		}
		list = append(list, f)
	}
	return list
}
