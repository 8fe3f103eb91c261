package inventory

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// names are those of all releases, as ids of dependencies.
var names = []string{"node", "ruby", "npm", "yarn", "pnpm", "pnpm-exe", "bun"}

// registryHost is where packages of the npm registry are in a buildpack.toml; a build takes them from the application's registry.
const registryHost = "https://registry.npmjs.org/"

// DependenciesOf reads [[metadata.dependencies]] of a buildpack.toml, whose table metadata is given, in the form that Paketo's
// libpak reads: https://github.com/paketo-buildpacks/libpak/blob/main/dependency.go. What is not understood is an error: nothing of
// it may be missed silently.
func DependenciesOf(metadata map[string]any) ([]plan.Release, error) {
	var list []plan.Release
	for _, table := range settings.Tables(metadata["dependencies"]) {
		release, err := releaseOf(dependency(table))
		if err != nil {
			return nil, err
		}
		same := func(r plan.Release) bool {
			return r.Name == release.Name && r.Version == release.Version && r.Arch == release.Arch
		}
		if slices.ContainsFunc(list, same) {
			return nil, dependency(table).bad("it is there twice")
		}
		list = append(list, release)
	}
	return list, nil
}

// dependency is one of these tables.
type dependency map[string]any

func (d dependency) text(key string) string {
	text, _ := d[key].(string)
	return text
}

func (d dependency) bad(why string, values ...any) error {
	return &problem.Problem{
		ID:    "settings/bad-dependency",
		Title: strings.TrimSpace("the dependency "+d.text("id")+" "+d.text("version")) + " is not understood",
		Where: problem.Position{File: "buildpack.toml"},
		Why:   fmt.Sprintf(why, values...),
		Hints: []string{"Correct it in [[metadata.dependencies]], and package the buildpack again."},
	}
}

func releaseOf(d dependency) (plan.Release, error) {
	r := plan.Release{Name: d.text("id"), Version: d.text("version"), Arch: d.text("arch"), PURL: d.text("purl")}
	if !slices.Contains(names, r.Name) {
		return r, d.bad("its id is none of %s", strings.Join(names, ", "))
	}
	if _, err := semver.Parse(r.Version); err != nil {
		return r, d.bad("its version is not one such as 1.2.3")
	}
	if r.Arch == "" && slices.Contains([]string{"node", "ruby", "pnpm-exe", "bun"}, r.Name) {
		return r, d.bad("it has no arch, such as amd64")
	}
	if err := d.supported(); err != nil {
		return r, err
	}
	if list := texts(d["purls"]); len(list) > 0 {
		r.PURL = list[0]
	}
	if list := texts(d["cpes"]); len(list) > 0 {
		r.CPE = list[0]
	}
	var licenses []string
	for _, table := range settings.Tables(d["licenses"]) {
		licenses = append(licenses, dependency(table).text("type"))
	}
	r.License = strings.Join(licenses, " AND ")
	for _, key := range []string{"deprecation_date", "eol-date"} {
		if date, ok := d[key].(time.Time); ok {
			r.EndOfLife = date.Format(time.DateOnly)
		}
	}
	return d.placed(r)
}

// supported refuses what other buildpacks may be told, and Gantry does not do.
func (d dependency) supported() error {
	stacks := texts(d["stacks"])
	n, _ := d["strip-components"].(int64)
	switch {
	case len(stacks) > 0 && !slices.Contains(stacks, "*"):
		return d.bad("stacks other than * are not told apart")
	case len(settings.Tables(d["distros"])) > 0:
		return d.bad("distros are not told apart")
	case n != 0:
		return d.bad("strip-components is not supported: the archive has the layout of the official one")
	case d.text("os") != "" && d.text("os") != "linux":
		return d.bad("its os is not linux")
	}
	return nil
}

// placed reads where the archive is, and its checksum: a package of the npm registry, or any other archive.
func (d dependency) placed(r plan.Release) (plan.Release, error) {
	uri := d.text("uri")
	algorithm, digits, _ := strings.Cut(d.text("checksum"), ":")
	if algorithm == "" {
		algorithm, digits = "sha256", d.text("sha256")
	}
	digest, err := hex.DecodeString(digits)
	if err != nil || len(digest) != map[string]int{"sha256": 32, "sha512": 64}[algorithm] {
		return r, d.bad("its checksum is not sha256: with 64, or sha512: with 128 hex digits")
	}
	rest, packaged := strings.CutPrefix(uri, registryHost)
	name, file, found := strings.Cut(rest, "/-/")
	switch {
	case packaged && found && algorithm == "sha512" && file == path.Base(name)+"-"+r.Version+".tgz":
		r.Package, r.Integrity = name, "sha512-"+base64.StdEncoding.EncodeToString(digest)
	case packaged:
		return r, d.bad("its uri is not that of the version's archive in the npm registry, or its checksum is not the registry's sha512")
	case r.Name != "node" && r.Name != "ruby":
		return r, d.bad("its uri does not begin with %s: package managers come from there, or from a mirror of it", registryHost)
	case algorithm != "sha256" || !strings.HasPrefix(uri, "https://"):
		return r, d.bad("its uri does not begin with https://, or its checksum is not a sha256")
	default:
		r.URI, r.SHA256 = uri, digits
	}
	return r, nil
}

func texts(value any) (list []string) {
	items, _ := value.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// with gives releases in which those of a buildpack.toml for an architecture win: their source is the only one, unless it is one of
// those that the list has. Others are added, with what is known of their line.
func (f file) with(releases, dependencies []plan.Release, arch string) []plan.Release {
	releases = slices.Clone(releases)
	for _, d := range dependencies {
		if d.Arch != "" && d.Arch != arch {
			continue
		}
		i := slices.IndexFunc(releases, func(r plan.Release) bool { return r.Name == d.Name && r.Version == d.Version })
		if i < 0 {
			older := func(r plan.Release) bool { return r.Name == d.Name && isOlder(r, d) }
			if i = slices.IndexFunc(releases, older); i < 0 {
				i = len(releases)
			}
			releases = slices.Insert(releases, i, f.ofLine(plan.Release{Name: d.Name, Version: d.Version, Arch: d.Arch}))
		}
		releases[i] = merged(releases[i], d)
	}
	return releases
}

func isOlder(a, b plan.Release) bool {
	v, err := semver.Parse(a.Version)
	w, wrong := semver.Parse(b.Version)
	return err == nil && wrong == nil && v.Compare(w) < 0
}

func merged(known, d plan.Release) plan.Release {
	sameArchive := d.URI != "" && d.URI == known.URI && strings.EqualFold(d.SHA256, known.SHA256)
	samePackage := d.Package != "" && d.Package == known.Package && d.Integrity == known.Integrity
	if !sameArchive && !samePackage {
		known.URI, known.SHA256, known.Package, known.Integrity = d.URI, d.SHA256, d.Package, d.Integrity
	}
	known.License, known.CPE = cmp.Or(d.License, known.License), cmp.Or(d.CPE, known.CPE)
	known.PURL, known.EndOfLife = cmp.Or(d.PURL, known.PURL), cmp.Or(d.EndOfLife, known.EndOfLife)
	return known
}
