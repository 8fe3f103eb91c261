package nodejs

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// kind is a package manager.
type kind struct {
	name, title string
	// lockfiles in the manager's own order of precedence.
	lockfiles []string
	// lock is the command that writes a lockfile.
	lock string
}

var kinds = []kind{
	{"npm", "npm", []string{"npm-shrinkwrap.json", "package-lock.json"}, "npm install"},
	{"yarn", "Yarn", []string{"yarn.lock"}, "yarn install"},
	{"pnpm", "pnpm", []string{"pnpm-lock.yaml"}, "pnpm install"},
	{"bun", "Bun", []string{"bun.lock", "bun.lockb"}, "bun install"},
}

// manager is the package manager that an application is installed with.
type manager struct {
	kind
	// lockfile is relative to the root of the packages; empty when there is none.
	lockfile string
	// text is the lockfile's content; empty for npm's, which decides nothing here and may be large.
	text []byte
	// asked is the version that is asked for, by an exact version or a range; empty when none is requested.
	asked nodeversion.Request
	// line is the version of npm that belongs to the release of Node.js.
	line string
	// hash is the checksum behind the version in "packageManager": ALGORITHM.HEX.
	hash   string
	origin string
	// berry is Yarn 2 or later.
	berry bool
	// rc is what matters of .yarnrc.yml; rcText is the text of Yarn's settings, which are in .yarnrc for Yarn 1.
	rcText []byte
	rc     yarnrc
}

// chooseManager decides which package manager installs: what package.json says, else the lockfile.
func (p *Project) chooseManager() (manager, error) {
	named, m, err := p.namedManager()
	if err != nil {
		return m, err
	}
	var there []kind
	for _, k := range kinds {
		if firstOf(p.app, inDir(p.root, k.lockfiles)) != "" {
			there = append(there, k)
		}
	}
	switch {
	case named:
	case len(there) > 1:
		return m, p.lockfilesDisagree(there)
	case len(there) == 1:
		m.kind = there[0]
	case p.hasPNPMWorkspace():
		m.kind, m.origin = kindOf("pnpm"), pnpmWorkspace+" is there"
	case p.namedByEngines() != nil:
		m.kind = *p.namedByEngines()
		m.origin = "from engines." + m.name + " in " + p.top.Where("engines", m.name).String()
	default:
		m.kind, m.origin = kindOf("npm"), "there is no lockfile"
	}
	if file := firstOf(p.app, inDir(p.root, m.lockfiles)); file != "" {
		m.lockfile = strings.TrimPrefix(strings.TrimPrefix(file, p.root), "/")
		m.origin = cmp.Or(m.origin, m.lockfile+" is there")
		if m.name != "npm" {
			if m.text, _, err = p.app.Read(file); err != nil {
				return m, err
			}
		}
	} else if named && len(there) > 0 {
		return m, p.lockfileOfAnother(m, there[0])
	}
	if m.name == "pnpm" {
		if err := p.checkLinker(); err != nil {
			return m, err
		}
	}
	if m.name == "yarn" {
		if m, err = p.readYarn(m); err != nil {
			return m, err
		}
	}
	// The Yarn that engines names hands over to the one that yarnPath names.
	if version := p.top.Engines[m.name]; m.asked.Text == "" && version != "" && m.rc.YarnPath == "" {
		where := p.top.Where("engines", m.name)
		m.asked = nodeversion.Request{Text: version, Origin: "engines." + m.name + " in " + where.String(), Where: where}
		m.berry = m.berry || m.name == "yarn" && m.lockfile == "" && !asksForClassic(version)
	}
	return m, nil
}

// namedByEngines is the package manager other than npm that engines names, where no lockfile tells; nil for none, or several.
func (p *Project) namedByEngines() *kind {
	var named []kind
	for _, k := range kinds {
		if k.name != "npm" && p.top.Engines[k.name] != "" {
			named = append(named, k)
		}
	}
	if len(named) != 1 {
		return nil
	}
	return &named[0]
}

func (p *Project) hasPNPMWorkspace() bool {
	return p.app.Has(path.Join(p.root, pnpmWorkspace)) && len(p.members) > 0
}

// namedManager reads "packageManager" (https://nodejs.org/api/packages.html#packagemanager) and
// devEngines.packageManager.
func (p *Project) namedManager() (named bool, m manager, err error) {
	if text := p.top.PackageManager; text != "" {
		where := p.top.Where("packageManager")
		name, version, _ := strings.Cut(text, "@")
		version, hash, _ := strings.Cut(version, "+")
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		_, err := semver.Parse(version)
		if i < 0 || err != nil {
			return false, m, &problem.Problem{
				ID:    "node/package-manager-invalid",
				Title: fmt.Sprintf("the package manager %q is not understood", text),
				Where: where,
				Why:   "it is not npm, yarn, pnpm or bun with an exact version",
				Hints: []string{`Write, for example, "packageManager": "pnpm@10.34.9".`},
			}
		}
		origin := "packageManager in " + where.String()
		return true, manager{kind: kinds[i], hash: hash, origin: "from " + origin, asked: nodeversion.Request{Text: version, Origin: origin, Where: where}}, nil
	}
	for _, wanted := range p.top.DevEngines.PackageManager {
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == wanted.Name })
		if i < 0 {
			continue
		}
		where := p.top.Where("devEngines", "packageManager")
		origin := "devEngines.packageManager in " + where.String()
		return true, manager{kind: kinds[i], origin: "from " + origin, asked: nodeversion.Request{Text: wanted.Version, Origin: origin, Where: where}}, nil
	}
	return false, m, nil
}

func (p *Project) lockfilesDisagree(there []kind) error {
	first, second := firstOf(p.app, inDir(p.root, there[0].lockfiles)), firstOf(p.app, inDir(p.root, there[1].lockfiles))
	return &problem.Problem{
		ID:    "node/lockfiles-disagree",
		Title: fmt.Sprintf("there are lockfiles of two package managers: %s and %s", first, second),
		Where: problem.Position{File: second},
		Why:   fmt.Sprintf("%s would install other packages than %s", there[1].title, there[0].title),
		Hints: []string{
			"Delete the one that you do not use.",
			fmt.Sprintf(`Or choose in package.json, for example "packageManager": "%s@%s".`, there[1].name, example[there[1].name]),
		},
	}
}

// example are versions for hints.
var example = map[string]string{"npm": "11.17.0", "yarn": "4.13.0", "pnpm": "10.34.9", "bun": "1.3.14"}

func (p *Project) lockfileOfAnother(m manager, other kind) error {
	file := firstOf(p.app, inDir(p.root, other.lockfiles))
	return &problem.Problem{
		ID:    "node/lockfile-of-another",
		Title: fmt.Sprintf("package.json asks for %s, and the lockfile is that of %s", m.title, other.title),
		Where: m.asked.Where,
		Why:   fmt.Sprintf("there is %s and no %s", file, m.lockfiles[len(m.lockfiles)-1]),
		Hints: []string{fmt.Sprintf("Run `%s`, commit %s and delete %s; or name %s in package.json.", m.lock, m.lockfiles[len(m.lockfiles)-1], file, other.name)},
	}
}

// release gives the release of the manager: the version that is asked for, or one that writes such a lockfile.
func (m manager) release(releases inventory.Catalog, arch string) (plan.Release, error) {
	list, err := nodeversion.Candidates(releases, m.name)
	if err != nil {
		return plan.Release{}, err
	}
	text := cmp.Or(m.asked.Text, m.usual())
	fits := func(v semver.Version) bool { return m.name != "yarn" || m.berry == (v.Major > 1) }
	if exact, err := semver.Parse(text); err == nil {
		for _, c := range list {
			// Of Yarn 2, the npm registry has but two releases.
			if c.Parsed.Compare(exact) == 0 || m.name == "yarn" && exact.Major == 2 && c.Parsed.Major == 2 {
				return c.Release, nil
			}
		}
		// Not pinned: the registry has published its checksum.
		return plan.Release{Name: m.name, Version: exact.String(), Package: m.packageOf(exact, arch)}, nil
	}
	wanted, err := semver.ParseRange(text)
	if err != nil {
		return plan.Release{}, m.versionUnparsable()
	}
	preferred, err := semver.ParseRange(m.usual())
	if err != nil {
		return plan.Release{}, fmt.Errorf("read the usual version of %s: %w", m.title, err)
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
func (m manager) usual() string {
	switch m.name {
	case "yarn":
		return m.usualYarn()
	case "pnpm":
		return m.usualPNPM()
	case "bun":
		return m.usualBun()
	default:
		return cmp.Or(m.line, "*")
	}
}

// packageOf is the manager's package on the npm registry.
func (m manager) packageOf(v semver.Version, arch string) string {
	switch {
	case m.name == "yarn" && v.Major > 1:
		return "@yarnpkg/cli-dist"
	case m.name == "bun":
		return map[string]string{"amd64": "@oven/bun-linux-x64", "arm64": "@oven/bun-linux-aarch64"}[arch]
	default:
		return m.name
	}
}

func (m manager) versionUnparsable() error {
	return &problem.Problem{
		ID:    "node/manager-version-unparsable",
		Title: fmt.Sprintf("the %s version %q is not understood", m.title, m.asked.Text),
		Where: m.asked.Place(),
		Why:   "it is no npm version range",
		Hints: []string{fmt.Sprintf("Write an exact version or a range, for example %q.", "^"+example[m.name])},
	}
}

func (m manager) versionUnsatisfiable(list []nodeversion.Candidate) error {
	if wanted, err := semver.ParseRange(m.asked.Text); err == nil && slices.ContainsFunc(list, func(c nodeversion.Candidate) bool { return wanted.Matches(c.Parsed) }) {
		// What fits would write the lockfile again.
		return m.lockfileOfOtherYarn()
	}
	return &problem.Problem{
		ID:    "node/manager-version-unsatisfiable",
		Title: fmt.Sprintf("no release of %s fits %q", m.title, m.asked.Text),
		Where: m.asked.Place(),
		Why:   "this version of Gantry knows " + nodeversion.Versions(list),
		Hints: []string{fmt.Sprintf(`Any release can be had by its exact version: "packageManager": "%s@VERSION".`, m.name)},
	}
}

// tool is the manager as a program of the build.
func (m manager) tool(release plan.Release, releases inventory.Catalog, arch string) (plan.Tool, error) {
	v, err := semver.Parse(release.Version)
	if err != nil {
		return plan.Tool{}, fmt.Errorf("read the version of %s: %w", m.title, err)
	}
	t := plan.Tool{Release: release, Dir: "lib/node_modules/" + m.name, Bin: map[string]string{}}
	switch m.name {
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
	if m.hash == "" {
		return t, nil
	}
	sum, err := m.checksum()
	switch {
	case err != nil:
		return t, err
	case m.berry:
		// Corepack's checksum of Yarn is that of the program itself.
		t.Sums = map[string]string{"bin/yarn.js": sum}
	default:
		t.Release.Integrity = sum
	}
	return t, nil
}

// checksum gives the hash in "packageManager" as Subresource Integrity.
func (m manager) checksum() (string, error) {
	algorithm, digits, _ := strings.Cut(m.hash, ".")
	digest, err := hex.DecodeString(digits)
	sizes := map[string]int{"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
	if err != nil || len(digest) == 0 || sizes[algorithm] != len(digest) {
		return "", &problem.Problem{
			ID:    "node/package-manager-hash",
			Title: "the checksum behind the package manager's version is not understood",
			Where: m.asked.Where,
			Why:   "it is not an algorithm, a dot, and hex digits of the right length",
			Hints: []string{"Run `corepack use " + m.name + "@" + m.asked.Text + "` to write it again, or take what stands behind + away."},
		}
	}
	return algorithm + "-" + base64.StdEncoding.EncodeToString(digest), nil
}
