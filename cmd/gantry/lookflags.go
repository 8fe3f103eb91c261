package main

import (
	"time"

	"github.com/spf13/pflag"
)

// lookFlags describe the options that the program in the image has.
func lookFlags(f *pflag.FlagSet, names []string) {
	for _, name := range names {
		switch name {
		case "for":
			f.Duration("for", 0, "for how long; Ctrl-C ends it early, with what there is (default: 30s; 10s for lag and gc)")
		case "pid":
			f.Int("pid", 0, "the process, where there are several")
		case "thread":
			f.Int("thread", 0, "a worker thread of Node.js")
		case "timeout":
			f.Duration("timeout", 10*time.Minute, "how long it may take")
		case "max-memory":
			f.String("max-memory", "", "how much memory it may take: 2GB")
		case "all":
			f.Bool("all", false, "all processes")
		case "force":
			f.Bool("force", false, "also where it may stop the application for over a second, others share its network, or it may handle SIGUSR1")
		case "exact":
			f.Bool("exact", false, "every allocation, not a sample")
		case "quick":
			f.Bool("quick", false, "leave out what takes a moment")
		case "json":
			f.Bool("json", false, "as JSON")
		case "report":
			f.Bool("report", false, "Node.js' report of it")
		}
	}
}

// given writes the options that were set, as the program in the image takes them.
func given(f *pflag.FlagSet, names []string) (list []string) {
	for _, name := range names {
		if flag := f.Lookup(name); flag != nil && flag.Changed {
			if flag.Value.Type() == "bool" {
				if flag.Value.String() == "true" {
					list = append(list, "--"+name)
				}
				continue
			}
			list = append(list, "--"+name, flag.Value.String())
		}
	}
	return list
}
