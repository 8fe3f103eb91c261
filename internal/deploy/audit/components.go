package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"
)

// Component is a package of an image.
type Component struct {
	// Ecosystem is OSV's name: "npm", "RubyGems", "Debian:12"; empty for what no feed knows, such as a runtime.
	// https://ossf.github.io/osv-schema/#defined-ecosystems
	Ecosystem string `json:"ecosystem,omitempty"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	// Source is the source package, where a distribution builds several packages from one; advisories name that.
	Source string `json:"source,omitempty"`
	// Through is what leads to it: the names from the application's own dependency on.
	Through []string `json:"through,omitempty"`

	reference string
	platform  bool
}

// ecosystems by a package URL's type.
var ecosystems = map[string]string{packageurl.TypeNPM: "npm", packageurl.TypeGem: "RubyGems"}

// readList reads a list of packages; name is its path in the image.
func (c *contents) readList(name string, text []byte) error {
	switch {
	case strings.HasSuffix(name, "os-release"):
		c.distribution = distributionOf(string(text))
	case strings.HasPrefix(name, "/var/lib/dpkg/"):
		c.readDpkg(string(text))
	default:
		if err := c.readBill(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.bills++
	}
	return nil
}

// distributionOf is OSV's name of a distribution: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
func distributionOf(release string) string {
	values := map[string]string{}
	for line := range strings.Lines(release) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			values[name] = strings.Trim(value, `"'`)
		}
	}
	switch values["ID"] {
	case "debian":
		return "Debian:" + values["VERSION_ID"]
	case "ubuntu":
		return "Ubuntu:" + values["VERSION_ID"]
	}
	return ""
}

// readBill reads a bill of materials of CycloneDX.
func (c *contents) readBill(text []byte) error {
	var bill cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bill); err != nil {
		return fmt.Errorf("not a bill of materials: %w", err)
	}
	if bill.Components != nil {
		for _, one := range *bill.Components {
			c.components = append(c.components, componentOf(one))
		}
	}
	root := ""
	if bill.Metadata != nil && bill.Metadata.Component != nil {
		root = bill.Metadata.Component.BOMRef
	}
	if bill.Dependencies != nil {
		for _, d := range *bill.Dependencies {
			if d.Dependencies == nil {
				continue
			}
			if d.Ref == root {
				c.roots = append(c.roots, *d.Dependencies...)
			}
			c.needs[d.Ref] = append(c.needs[d.Ref], *d.Dependencies...)
		}
	}
	return nil
}

func componentOf(one cdx.Component) Component {
	c := Component{Name: one.Name, Version: one.Version, reference: one.BOMRef, platform: one.Type == cdx.ComponentTypePlatform}
	if one.Group != "" {
		c.Name = one.Group + "/" + one.Name
	}
	if url, err := packageurl.FromString(one.PackageURL); err == nil {
		c.Ecosystem = ecosystems[url.Type]
		if c.Ecosystem != "" {
			c.Name, c.Version = url.Name, url.Version
			if url.Namespace != "" {
				c.Name = url.Namespace + "/" + url.Name
			}
		}
	}
	return c
}

// readDpkg reads dpkg's status: https://www.debian.org/doc/debian-policy/ch-controlfields.html. Its packages are in the ecosystem of the distribution.
func (c *contents) readDpkg(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(paragraph) {
			if name, value, found := strings.Cut(strings.TrimRight(line, "\n"), ": "); found && !strings.HasPrefix(line, " ") {
				fields[name] = value
			}
		}
		if fields["Package"] == "" || fields["Version"] == "" || strings.Contains(fields["Status"], "deinstall") {
			continue
		}
		one := Component{Ecosystem: "distribution", Name: fields["Package"], Version: fields["Version"], Source: fields["Package"]}
		if source := fields["Source"]; source != "" {
			var version string
			one.Source, version, _ = strings.Cut(source, " ")
			if version = strings.Trim(version, "()"); version != "" {
				one.Version = version
			}
		}
		c.components = append(c.components, one)
	}
}

// named gives the components of the distribution their ecosystem, each component once, and the way that leads to it.
func (c contents) named() []Component {
	names := map[string]string{}
	for _, one := range c.components {
		if one.reference != "" {
			names[one.reference] = one.Name
		}
	}
	through := c.ways()
	seen := map[string]bool{}
	var list []Component
	for _, one := range c.components {
		if one.Ecosystem == "distribution" {
			one.Ecosystem = cmp.Or(c.distribution, "a distribution that is not known")
		}
		key := one.Ecosystem + " " + one.Name + " " + one.Version
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, reference := range through[one.reference] {
			if name := names[reference]; name != "" {
				one.Through = append(one.Through, name)
			}
		}
		list = append(list, one)
	}
	return list
}

// ways gives the shortest way from the application to each component, without that itself.
func (c contents) ways() map[string][]string {
	ways := map[string][]string{}
	queue := []string{}
	for _, root := range c.roots {
		if _, known := ways[root]; !known {
			ways[root] = nil
			queue = append(queue, root)
		}
	}
	for len(queue) > 0 {
		now := queue[0]
		queue = queue[1:]
		for _, next := range c.needs[now] {
			if _, known := ways[next]; !known {
				ways[next] = append(append([]string(nil), ways[now]...), now)
				queue = append(queue, next)
			}
		}
	}
	return ways
}

// base is a file's name in an address or a path.
func base(name string) string { return path.Base(strings.TrimSuffix(name, "/")) }
