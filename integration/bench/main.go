// Command bench measures Gantry against plain npm, in alternating runs on this machine, and writes the table, the list
// build/bench.json and the chart build/bench.svg. scripts/bench.sh runs it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
)

// row is one figure. Ratio is the rival's figure by Gantry's: how many times better Gantry is.
type row struct {
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Gantry float64  `json:"gantry"`
	Rival  *float64 `json:"rival"`
	Ratio  *float64 `json:"ratio"`
	Unit   string   `json:"unit"`
	Runs   int      `json:"runs"`
}

// bench is one run of the program.
type bench struct {
	runs int
	// npm is how to call the rival; empty where there is none.
	npm  []string
	home string
	root string
	rows []row
	// profile receives a CPU profile of bin/build when it is not empty.
	profile string
}

func main() {
	sandbox.Enter()
	if wrapped(os.Args) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == installFlag {
		if err := installHere(ctx, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	b := &bench{}
	pflag.IntVarP(&b.runs, "runs", "n", 3, "counted runs of each side")
	pflag.StringVar(&b.profile, "profile", "", "write a CPU profile of one build to this file, for go tool pprof, and measure nothing")
	only := pflag.String("only", "", "measure these alone, separated by commas: detect, install, build, managers, image, launch, ruby")
	pflag.Parse()
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only string) error {
	var err error
	if b.root, err = os.Getwd(); err != nil {
		return err
	}
	// Beside the build's results, so that everything is on the same file system.
	if b.home, err = os.MkdirTemp(filepath.Join(b.root, "build"), "bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.home) }()
	if b.profile != "" {
		return b.profileBuild(ctx)
	}
	b.npm = rival()
	parts := []struct {
		name string
		run  func(context.Context) error
	}{{"detect", b.detect}, {"install", b.installs}, {"build", b.builds}, {"managers", b.managed}, {"image", b.images}, {"launch", b.launch}, {"ruby", b.rails}}
	for _, part := range parts {
		if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	text, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.root, "build/bench.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("\n%s, %d processors, %s\n\n%s\n", cpuModel(), runtime.NumCPU(), runtime.GOARCH, b.table())
	return os.WriteFile(filepath.Join(b.root, "build/bench.svg"), []byte(b.chart()), 0o644)
}

// add notes a figure; rival is empty where nothing can be compared.
func (b *bench) add(name, what, unit string, gantry, rival []float64) {
	r := row{Name: name, What: what, Gantry: median(gantry), Unit: unit, Runs: len(gantry)}
	if len(rival) > 0 {
		other := median(rival)
		ratio := other / r.Gantry
		r.Rival, r.Ratio = &other, &ratio
	}
	b.rows = append(b.rows, r)
	fmt.Printf("  %-28s %s\n", name, r.figures())
}

func (r row) figures() string {
	if r.Rival == nil {
		return fmt.Sprintf("%9.2f %s", r.Gantry, r.Unit)
	}
	return fmt.Sprintf("%9.2f %-3s against %9.2f, ratio %.2f", r.Gantry, r.Unit, *r.Rival, *r.Ratio)
}

func (b *bench) table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "| %-28s | %9s | %9s | %6s | %-4s | what |\n|%s|%s|%s|%s|%s|---|\n", "", "Gantry", "rival", "ratio", "unit",
		strings.Repeat("-", 30), strings.Repeat("-", 11), strings.Repeat("-", 11), strings.Repeat("-", 8), strings.Repeat("-", 6))
	for _, r := range b.rows {
		other, ratio := "", ""
		if r.Rival != nil {
			other, ratio = fmt.Sprintf("%.2f", *r.Rival), fmt.Sprintf("%.2f", *r.Ratio)
		}
		fmt.Fprintf(&out, "| %-28s | %9.2f | %9s | %6s | %-4s | %s |\n", r.Name, r.Gantry, other, ratio, r.Unit, r.What)
	}
	return out.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
