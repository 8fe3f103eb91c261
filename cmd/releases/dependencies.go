package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"
)

// heading is the line of buildpack.toml below which the dependencies are; they end the file.
const heading = "# Releases: what is newest of those in the inventory. scripts/update-releases.sh writes them; what an operator changes here wins.\n"

// software is what is known of all releases of a name.
type software struct{ title, license, licenseURI, cpe string }

var known = map[string]software{
	"node":     {"Node.js", "MIT", "https://github.com/nodejs/node/blob/main/LICENSE", "nodejs:node.js"},
	"ruby":     {"Ruby", "BSD-2-Clause OR Ruby", "https://github.com/ruby/ruby/blob/master/COPYING", "ruby-lang:ruby"},
	"npm":      {"npm", "Artistic-2.0", "https://github.com/npm/cli/blob/latest/LICENSE", "npmjs:npm"},
	"yarn":     {"Yarn", "BSD-2-Clause", "https://github.com/yarnpkg/berry/blob/master/LICENSE.md", "yarnpkg:yarn"},
	"pnpm":     {"pnpm", "MIT", "https://github.com/pnpm/pnpm/blob/main/LICENSE", "pnpm:pnpm"},
	"pnpm-exe": {"pnpm", "MIT", "https://github.com/pnpm/pnpm/blob/main/LICENSE", "pnpm:pnpm"},
	"bun":      {"Bun", "MIT", "https://github.com/oven-sh/bun/blob/main/LICENSE.md", ""},
}

// dependency is one of [[metadata.dependencies]].
type dependency struct {
	id, version, arch, uri, checksum, purl, endOfLife string
}

// dependencies are the newest releases of the lines of Node.js and Ruby that get security fixes, and all package managers.
func (i inventory) dependencies() (list []dependency, err error) {
	taken := map[string]bool{}
	newest := func(id, line, arch, endOfLife string) bool {
		key := id + " " + line + " " + arch
		if taken[key] || endOfLife <= i.Date {
			return false
		}
		taken[key] = true
		return true
	}
	for _, n := range i.Node {
		major, _, _ := strings.Cut(n.Version, ".")
		for _, of := range []struct {
			arch string
			pin  pin
		}{{"amd64", n.AMD64}, {"arm64", n.ARM64}} {
			end := i.Lines[major].EndOfLife
			if of.pin == (pin{}) || !newest("node", major, of.arch, end) {
				continue
			}
			d := dependency{id: "node", version: n.Version, arch: of.arch, purl: "pkg:generic/node@" + n.Version, endOfLife: end}
			if of.pin.SHA256 != "" {
				d.uri = fmt.Sprintf("https://nodejs.org/download/release/v%[1]s/node-v%[1]s-linux-%[2]s.tar.gz", n.Version, cpus[of.arch])
				d.checksum = "sha256:" + of.pin.SHA256
			} else if d.uri, d.checksum, err = packaged(packages[of.arch], n.Version, of.pin.Integrity); err != nil {
				return nil, err
			}
			list = append(list, d)
		}
	}
	list = append(list, i.rubies(newest)...)
	for _, t := range i.Tools {
		d := dependency{id: t.Name, version: t.Version, arch: t.Arch, purl: "pkg:npm/" + strings.Replace(t.Package, "@", "%40", 1) + "@" + t.Version}
		if d.uri, d.checksum, err = packaged(t.Package, t.Version, t.Integrity); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func (i inventory) rubies(newest func(id, line, arch, endOfLife string) bool) (list []dependency) {
	for _, r := range i.Ruby {
		line := r.Version[:strings.LastIndexByte(r.Version, '.')]
		for _, of := range []struct{ arch, cpu, sha256 string }{{"amd64", "x86_64", r.AMD64.SHA256}, {"arm64", "arm64", r.ARM64.SHA256}} {
			end := i.Rubies[line].EndOfLife
			if of.sha256 == "" || !newest("ruby", line, of.arch, end) {
				continue
			}
			list = append(list, dependency{
				id: "ruby", version: r.Version, arch: of.arch, checksum: "sha256:" + of.sha256, purl: "pkg:generic/ruby@" + r.Version, endOfLife: end,
				uri: fmt.Sprintf("https://github.com/bazel-contrib/portable-ruby/releases/download/%s/ruby-%s.%s_linux.tar.gz", r.Build, r.Version, of.cpu),
			})
		}
	}
	return list
}

// packaged is the place of a package of the npm registry, and its checksum as buildpack.toml has it.
func packaged(name, version, integrity string) (uri, checksum string, err error) {
	digest, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(integrity, "sha512-"))
	if err != nil {
		return "", "", fmt.Errorf("the integrity of %s %s: %w", name, version, err)
	}
	uri, err = url.JoinPath("https://registry.npmjs.org", name, "-", path.Base(name)+"-"+version+".tgz")
	return uri, "sha512:" + hex.EncodeToString(digest), err
}

func (d dependency) text() string {
	var out strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s = %q\n", key, value)
		}
	}
	s := known[d.id]
	out.WriteString("\n[[metadata.dependencies]]\n")
	line("id", d.id)
	line("name", s.title)
	line("version", d.version)
	line("arch", d.arch)
	line("uri", d.uri)
	line("checksum", d.checksum)
	line("purl", d.purl)
	if s.cpe != "" {
		fmt.Fprintf(&out, "cpes = [%q]\n", "cpe:2.3:a:"+s.cpe+":"+d.version+":*:*:*:*:*:*:*")
	}
	fmt.Fprintf(&out, "licenses = [{ type = %q, uri = %q }]\n", s.license, s.licenseURI)
	if d.endOfLife != "" {
		fmt.Fprintf(&out, "eol-date = %sT00:00:00Z\n", d.endOfLife)
	}
	return out.String()
}

// writeDependencies replaces the end of a buildpack.toml.
func (i inventory) writeDependencies(file string) error {
	list, err := i.dependencies()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, _, _ := strings.Cut(string(text), heading)
	var out strings.Builder
	out.WriteString(strings.TrimRight(before, "\n") + "\n\n" + heading)
	for _, d := range list {
		out.WriteString(d.text())
	}
	return replace(file, out.String())
}
