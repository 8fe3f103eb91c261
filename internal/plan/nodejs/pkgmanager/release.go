package pkgmanager

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Release gives the release of the manager: the version that is asked for, or one that writes such a lockfile.
func (m Manager) Release(releases inventory.Catalog, arch string) (plan.Release, error) {
	list, err := nodeversion.Candidates(releases, m.Name)
	if err != nil {
		return plan.Release{}, err
	}
	text := cmp.Or(m.Asked.Text, m.usual())
	fits := func(v semver.Version) bool { return m.Name != "yarn" || m.Berry == (v.Major > 1) }
	if exact, err := semver.Parse(text); err == nil {
		for _, c := range list {
			// Of Yarn 2, the npm registry has but two releases.
			if c.Parsed.Compare(exact) == 0 || m.Name == "yarn" && exact.Major == 2 && c.Parsed.Major == 2 {
				return c.Release, nil
			}
		}
		// Not pinned: the registry has published its checksum.
		return plan.Release{Name: m.Name, Version: exact.String(), Package: m.packageOf(exact, arch)}, nil
	}
	wanted, err := semver.ParseRange(text)
	if err != nil {
		return plan.Release{}, m.versionUnparsable()
	}
	preferred, err := semver.ParseRange(m.usual())
	if err != nil {
		return plan.Release{}, fmt.Errorf("read the usual version of %s: %w", m.Title, err)
	}
	for _, narrow := range []func(semver.Version) bool{preferred.Matches, fits} {
		for _, c := range list {
			if wanted.Matches(c.Parsed) && narrow(c.Parsed) {
				return c.Release, nil
			}
		}
	}
	return plan.Release{}, m.versionUnsatisfiable(list)
}

// usual is the version to install with when none is requested, from the lockfile's format.
func (m Manager) usual() string {
	switch m.Name {
	case "yarn":
		return m.usualYarn()
	case "pnpm":
		return m.usualPNPM()
	case "bun":
		return m.usualBun()
	default:
		return cmp.Or(m.Line, "*")
	}
}

// packageOf is the manager's package on the npm registry.
func (m Manager) packageOf(v semver.Version, arch string) string {
	switch {
	case m.Name == "yarn" && v.Major > 1:
		return "@yarnpkg/cli-dist"
	case m.Name == "bun":
		return map[string]string{"amd64": "@oven/bun-linux-x64", "arm64": "@oven/bun-linux-aarch64"}[arch]
	default:
		return m.Name
	}
}

func (m Manager) versionUnparsable() error {
	return &problem.Problem{
		ID:    "node/manager-version-unparsable",
		Title: fmt.Sprintf("the %s version %q is not understood", m.Title, m.Asked.Text),
		Where: m.Asked.Place(),
		Why:   "it is no npm version range",
		Hints: []string{fmt.Sprintf("Write an exact version or a range, for example %q.", "^"+Example[m.Name])},
	}
}

func (m Manager) versionUnsatisfiable(list []nodeversion.Candidate) error {
	if wanted, err := semver.ParseRange(m.Asked.Text); err == nil && slices.ContainsFunc(list, func(c nodeversion.Candidate) bool { return wanted.Matches(c.Parsed) }) {
		// What fits would write the lockfile again.
		return m.lockfileOfOtherYarn()
	}
	return &problem.Problem{
		ID:    "node/manager-version-unsatisfiable",
		Title: fmt.Sprintf("no release of %s fits %q", m.Title, m.Asked.Text),
		Where: m.Asked.Place(),
		Why:   "this version of Gantry knows " + nodeversion.Versions(list),
		Hints: []string{fmt.Sprintf(`Any release can be had by its exact version: "packageManager": "%s@VERSION".`, m.Name)},
	}
}

// Tool is the manager as a program of the build.
func (m Manager) Tool(release plan.Release, releases inventory.Catalog, arch string) (plan.Tool, error) {
	v, err := semver.Parse(release.Version)
	if err != nil {
		return plan.Tool{}, fmt.Errorf("read the version of %s: %w", m.Title, err)
	}
	t := plan.Tool{Release: release, Dir: "lib/node_modules/" + m.Name, Bin: map[string]string{}}
	switch m.Name {
	case "npm":
		t.Bin = map[string]string{"npm": "bin/npm-cli.js", "npx": "bin/npx-cli.js"}
	case "yarn":
		t.Bin = map[string]string{"yarn": "bin/yarn.js", "yarnpkg": "bin/yarn.js"}
	case "bun":
		t.Bin = map[string]string{"bun": "bin/bun", "bunx": "bin/bun"}
	case "pnpm":
		switch {
		case v.Major >= 12:
			t.Bin = map[string]string{"pnpm": "pnpm", "pnpx": "pnpx"}
			native := plan.Release{Name: "pnpm-exe", Version: release.Version, Arch: arch, Package: "@pnpm/exe.linux-" + lockfile.CPU(arch)}
			for _, r := range releases.Named("pnpm-exe") {
				if r.Version == release.Version {
					native = r
				}
			}
			t.Native = &native
		case v.Major >= 11:
			t.Bin = map[string]string{"pnpm": "bin/pnpm.mjs", "pnpx": "bin/pnpx.mjs"}
		default:
			t.Bin = map[string]string{"pnpm": "bin/pnpm.cjs", "pnpx": "bin/pnpx.cjs"}
		}
	}
	if m.Hash == "" {
		return t, nil
	}
	sum, err := m.checksum()
	switch {
	case err != nil:
		return t, err
	case m.Berry:
		// Corepack's checksum of Yarn is that of the program itself.
		t.Sums = map[string]string{"bin/yarn.js": sum}
	default:
		t.Release.Integrity = sum
	}
	return t, nil
}

// checksum gives the hash in "packageManager" as Subresource Integrity.
func (m Manager) checksum() (string, error) {
	algorithm, digits, _ := strings.Cut(m.Hash, ".")
	digest, err := hex.DecodeString(digits)
	sizes := map[string]int{"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
	if err != nil || len(digest) == 0 || sizes[algorithm] != len(digest) {
		return "", &problem.Problem{
			ID:    "node/package-manager-hash",
			Title: "the checksum behind the package manager's version is not understood",
			Where: m.Asked.Where,
			Why:   "it is not an algorithm, a dot, and hex digits of the right length",
			Hints: []string{"Run `corepack use " + m.Name + "@" + m.Asked.Text + "` to write it again, or take what stands behind + away."},
		}
	}
	return algorithm + "-" + base64.StdEncoding.EncodeToString(digest), nil
}
