package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpCommand is "gantry help COMMAND", the same as COMMAND --help.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(c *cobra.Command, words []string) error {
			found, rest, err := c.Root().Find(words)
			if err != nil || len(rest) > 0 {
				return unknown(found, append(rest, words...)[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// usage writes what a command is called with: its words, examples, the commands below it, and its options.
func usage(c *cobra.Command) error {
	out := c.OutOrStdout()
	var text strings.Builder
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&text, "Usage:\n  %s COMMAND\n", c.CommandPath())
	} else {
		fmt.Fprintf(&text, "Usage:\n  %s\n", c.UseLine())
	}
	if c.HasExample() {
		fmt.Fprintf(&text, "\nExamples:\n%s\n", c.Example)
	}
	for _, group := range append(c.Groups(), &cobra.Group{Title: "More:"}) {
		writeCommands(&text, c, group)
	}
	if options := describe(c.LocalFlags()); options != "" {
		fmt.Fprintf(&text, "\nOptions:\n%s", options)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&text, "\n%s COMMAND --help says more of each.\n", c.CommandPath())
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// writeCommands lists the commands of a group; those of no group come last.
func writeCommands(text *strings.Builder, c *cobra.Command, group *cobra.Group) {
	title := group.Title
	if len(c.Groups()) == 0 {
		title = "Commands:"
	}
	for _, child := range c.Commands() {
		if !child.IsAvailableCommand() && child.Name() != "help" || child.GroupID != group.ID {
			continue
		}
		if title != "" {
			fmt.Fprintf(text, "\n%s\n", title)
			title = ""
		}
		fmt.Fprintf(text, "  %-15s  %s\n", child.Name(), child.Short)
	}
}

// values are what the values of options are called, by their types.
var values = map[string]string{"string": "TEXT", "stringArray": "TEXT", "int": "N", "float64": "N", "duration": "TIME"}

// describe lists options.
func describe(flags *pflag.FlagSet) string {
	type row struct{ name, text string }
	var rows []row
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, text := pflag.UnquoteUsage(f)
		if f.Value.Type() == "bool" {
			name = ""
		} else if name == f.Value.Type() || values[f.Value.Type()] != "" && !strings.Contains(f.Usage, "`") {
			name = values[f.Value.Type()]
		}
		option := "    --" + f.Name
		if f.Shorthand != "" {
			option = "-" + f.Shorthand + ", --" + f.Name
		}
		if name != "" {
			option += " " + name
		}
		if f.Value.Type() != "bool" && f.DefValue != "" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" && !strings.Contains(text, "default") {
			text += " (default: " + short(f.DefValue) + ")"
		}
		rows = append(rows, row{option, text})
		width = max(width, len(option))
	})
	var text strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&text, "  %-*s  %s\n", width, r.name, r.text)
	}
	return text.String()
}

// short writes a time without what is zero in it: 10m0s is 10m, and 720h0m0s is 720h.
func short(value string) string {
	if minutes, whole := strings.CutSuffix(value, "m0s"); whole {
		if hours, whole := strings.CutSuffix(minutes, "h0"); whole {
			return hours + "h"
		}
		return minutes + "m"
	}
	return value
}
