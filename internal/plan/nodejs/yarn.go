package nodejs

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

const yarnrcFile = ".yarnrc.yml"

// yarnrc is what matters of .yarnrc.yml: https://yarnpkg.com/configuration/yarnrc.
type yarnrc struct {
	NodeLinker  string `yaml:"nodeLinker"`
	YarnPath    string `yaml:"yarnPath"`
	CacheFolder string `yaml:"cacheFolder"`
}

// readYarn finds out which Yarn it is: 1 ("classic"), or 2 and later ("berry").
func (p *Project) readYarn(m manager) (manager, error) {
	file := path.Join(p.root, yarnrcFile)
	text, found, err := p.app.Read(file)
	if err != nil {
		return m, err
	}
	if err := yaml.Unmarshal(text, &m.rc); err != nil {
		return m, &problem.Problem{
			ID:    "node/yarnrc-invalid",
			Title: file + " is not understood",
			Where: problem.Position{File: file},
			Why:   strings.TrimPrefix(err.Error(), "yaml: "),
			Hints: []string{"Write it as https://yarnpkg.com/configuration/yarnrc says."},
			Err:   err,
		}
	}
	asked, err := semver.Parse(m.asked.Text)
	switch {
	case m.asked.Text != "" && err == nil:
		m.berry = asked.Major > 1
	case m.lockfile != "":
		m.berry = !bytes.Contains(m.text, []byte("# yarn lockfile v1"))
	default:
		m.berry = found
	}
	m.rcText = text
	if !m.berry {
		if m.rcText, _, err = p.app.Read(path.Join(p.root, ".yarnrc")); err != nil {
			return m, err
		}
	}
	if m.asked.Text != "" || m.rc.YarnPath == "" {
		return m, nil
	}
	version := releaseOf(m.rc.YarnPath)
	if version == "" {
		// "yarn-berry.cjs" is what Yarn 2 called itself.
		program, _, err := p.app.Read(path.Join(p.root, m.rc.YarnPath))
		if err != nil {
			return m, err
		}
		if match := yarnItself().FindSubmatch(program); match != nil {
			version = string(match[1])
		}
	}
	if version != "" {
		m.asked = nodeversion.Request{Text: version, Origin: "yarnPath in " + file, Where: problem.Position{File: file}}
	}
	return m, nil
}

var (
	yarnRelease = lazyregexp.New(`yarn-(\d+\.\d+\.\d+[^/]*)\.c?js$`)
	// yarnItself finds the version that a Yarn has written into itself.
	yarnItself = lazyregexp.New(`"?name"?:\s*"@yarnpkg/cli",\s*"?version"?:\s*"(\d+\.\d+\.\d+[\w.-]*)"`)
)

// releaseOf gives the version in the name of a Yarn that the application holds itself.
func releaseOf(yarnPath string) string {
	if match := yarnRelease().FindStringSubmatch(yarnPath); match != nil {
		return match[1]
	}
	return ""
}

// asksForClassic reports whether a range includes releases of Yarn 1.
func asksForClassic(text string) bool {
	wanted, err := semver.ParseRange(text)
	return err == nil && wanted.Matches(semver.Version{Major: 1, Minor: 22, Patch: 22})
}

func (m manager) lockfileOfOtherYarn() error {
	format := map[bool]string{false: "1", true: "2 or later"}[m.berry]
	return &problem.Problem{
		ID:    "node/lockfile-of-other-yarn",
		Title: fmt.Sprintf("package.json asks for Yarn %s, and %s was written by Yarn %s", m.asked.Text, m.lockfile, format),
		Where: m.asked.Place(),
		Why:   "another Yarn would want to write the lockfile again, which a build must not do",
		Hints: []string{
			"Ask for the Yarn that you use, for example \"packageManager\": \"yarn@" + map[bool]string{false: "1.22.22", true: example["yarn"]}[m.berry] + "\".",
			"Or run `yarn install` with the Yarn that is asked for, and commit " + m.lockfile + ".",
		},
	}
}

var yarnFormat = lazyregexp.New(`(?m)^__metadata:\r?\n  version: (\d+)`)

// usualYarn: another Yarn would want to change the lockfile's format, which a build must not.
func (m manager) usualYarn() string {
	if !m.berry {
		return "1.x"
	}
	format := 0
	if match := yarnFormat().FindSubmatch(m.text); match != nil {
		format, _ = strconv.Atoi(string(match[1]))
	}
	switch {
	case m.lockfile == "" || format >= 10:
		return ">=4.16"
	case format == 9:
		return "~4.14.1"
	case format >= 7:
		return "4.0 - 4.13"
	default:
		return "3.x"
	}
}

// yarn installs with Yarn 1, or a later one.
func (p *Project) yarn(in plan.Install) plan.Install {
	in.Trees.Scratch = append(in.Trees.Scratch, ".yarn-integrity", ".yarn-state.yml", ".yarn_integrity")
	if p.manager.berry {
		return p.yarnBerry(in)
	}
	in.Commands.Env = map[string]string{"YARN_CACHE_FOLDER": plan.ScratchDir}
	settings := p.manager.rcText
	if !ownMirror().Match(settings) {
		in.Commands.Env["YARN_YARN_OFFLINE_MIRROR"] = plan.StoreDir
	}
	version, err := semver.Parse(in.Manager.Version)
	if p.manager.lockfile != "" && err == nil && version.Major == 1 && version.Minor >= 19 && !ownMirror().Match(settings) && !ownNetwork().Match(settings) {
		in.Lockfile.Prefetch = plan.YarnCache
	}
	install := []string{"yarn", "install", "--non-interactive", "--no-progress"}
	if p.manager.lockfile == "" {
		install = append(install, "--no-lockfile")
	} else {
		install = append(install, "--frozen-lockfile")
	}
	in.Commands.All = runs(with(install, "--production=false")...)
	in.Commands.OnlyLaunch = runs(with(install, "--production=true")...)
	return in
}

func (p *Project) yarnBerry(in plan.Install) plan.Install {
	in.Commands.Env = map[string]string{
		"YARN_ENABLE_TELEMETRY": "0", "YARN_ENABLE_PROGRESS_BARS": "0", "YARN_ENABLE_IMMUTABLE_INSTALLS": strconv.FormatBool(p.manager.lockfile != ""),
		"YARN_GLOBAL_FOLDER": plan.StoreDir,
	}
	in.Commands.All = runs("yarn", "install")
	if p.manager.lockfile != "" {
		in.Commands.All = runs("yarn", "install", "--immutable")
	}
	in.Commands.OnlyLaunch = in.Commands.All
	if p.manager.lockfile != "" && !ownWays().Match(p.manager.rcText) && !p.app.IsDir(path.Join(p.root, ".yarn/cache")) {
		in.Lockfile.Prefetch = plan.YarnCache
	}
	if p.pnp() {
		return p.installPnP(in)
	}
	// What Yarn remembers of an installation does not belong in the image.
	in.Leftovers.Always = inDir(p.root, []string{".yarn/install-state.gz", ".yarn/build-state.yml"})
	if !p.app.IsDir(path.Join(p.root, ".yarn/cache")) {
		in.Commands.Env["YARN_ENABLE_GLOBAL_CACHE"] = "true"
	}
	if !p.app.IsDir(path.Join(p.root, ".yarn")) {
		in.Leftovers.Always = append(in.Leftovers.Always, path.Join(p.root, ".yarn"))
	}
	return in
}

// ownWays finds settings of later Yarns that tell where packages come from and how they are kept.
var ownWays = lazyregexp.New(`(?m)^["']?(?:npm|http|ca|network|unsafe|compression|global|enableNetwork|enableMirror|enableStrictSsl|checksumBehavior)`)

// ownMirror and ownNetwork find settings of Yarn 1: https://classic.yarnpkg.com/en/docs/yarnrc. An application that brings
// its packages' archives has Yarn look for them there.
var (
	ownMirror  = lazyregexp.New(`(?m)^\s*"?yarn-offline-mirror"?\s`)
	ownNetwork = lazyregexp.New(`(?m)^\s*"?(?:proxy|https-proxy|ca|cafile|cert|key|strict-ssl)"?\s`)
)

var yarnErrors = []struct{ shows, quote, id, title, hint string }{
	{"Your lockfile needs to be updated", "", "node/lockfile-out-of-sync", "%s does not fit package.json", "Run `yarn install`, look at what it changes in yarn.lock, and commit it."},
	{
		"Integrity check failed for", `(Integrity check failed for "[^"]+")`, "node/package-integrity", "a package is not the one that %s pins",
		"If a registry or proxy was changed on purpose, run `yarn install --update-checksums` and commit the lockfile; otherwise do not go on.",
	},
	{
		"doesn't match the expected checksum", `YN0018: .*?(\S+: The remote archive doesn't match the expected checksum)`, "node/package-integrity", "a package is not the one that %s pins",
		"If a registry or proxy was changed on purpose, run `YARN_CHECKSUM_BEHAVIOR=update yarn install` and commit the lockfile; otherwise do not go on.",
	},
	{"YN0028", `(?m)YN0028: .*?([+-]"[^"]+")`, "node/lockfile-out-of-sync", "%s does not fit package.json", "Run `yarn install`, look at what it changes in yarn.lock, and commit it."},
}

func yarnFailures(lockfile string) []plan.Failure {
	var list []plan.Failure
	for _, e := range yarnErrors {
		f := plan.Failure{Shows: e.shows, ID: e.id, Title: fmt.Sprintf(e.title, lockfile), Where: lockfile, Hints: []string{e.hint}}
		if e.quote != "" {
			f.Quote = regexp.MustCompile(e.quote)
		}
		list = append(list, f)
	}
	return list
}
