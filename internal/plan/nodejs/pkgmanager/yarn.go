package pkgmanager

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
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// YarnRC is the file with the settings of later Yarns: https://yarnpkg.com/configuration/yarnrc.
const YarnRC = ".yarnrc.yml"

// yarnrc is what matters of .yarnrc.yml: https://yarnpkg.com/configuration/yarnrc.
type yarnrc struct {
	NodeLinker  string `yaml:"nodeLinker"`
	YarnPath    string `yaml:"yarnPath"`
	CacheFolder string `yaml:"cacheFolder"`
}

// readYarn finds out which Yarn it is: 1 ("classic"), or 2 and later ("berry").
func (s Source) readYarn(m Manager) (Manager, error) {
	file := path.Join(s.Root, YarnRC)
	text, found, err := s.App.Read(file)
	if err != nil {
		return m, err
	}
	if err := yaml.Unmarshal(text, &m.RC); err != nil {
		return m, &problem.Problem{
			ID:    "node/yarnrc-invalid",
			Title: file + " is not understood",
			Where: problem.Position{File: file},
			Why:   strings.TrimPrefix(err.Error(), "yaml: "),
			Hints: []string{"Write it as https://yarnpkg.com/configuration/yarnrc says."},
			Err:   err,
		}
	}
	asked, err := semver.Parse(m.Asked.Text)
	switch {
	case m.Asked.Text != "" && err == nil:
		m.Berry = asked.Major > 1
	case m.Lockfile != "":
		m.Berry = !bytes.Contains(m.Text, []byte("# yarn lockfile v1"))
	default:
		m.Berry = found
	}
	m.RCText = text
	if !m.Berry {
		if m.RCText, _, err = s.App.Read(path.Join(s.Root, ".yarnrc")); err != nil {
			return m, err
		}
	}
	if m.Asked.Text != "" || m.RC.YarnPath == "" {
		return m, nil
	}
	version := releaseOf(m.RC.YarnPath)
	if version == "" {
		// "yarn-berry.cjs" is what Yarn 2 called itself.
		program, _, err := s.App.Read(path.Join(s.Root, m.RC.YarnPath))
		if err != nil {
			return m, err
		}
		if match := yarnItself().FindSubmatch(program); match != nil {
			version = string(match[1])
		}
	}
	if version != "" {
		m.Asked = nodeversion.Request{Text: version, Origin: "yarnPath in " + file, Where: problem.Position{File: file}}
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

func (m Manager) lockfileOfOtherYarn() error {
	format := map[bool]string{false: "1", true: "2 or later"}[m.Berry]
	return &problem.Problem{
		ID:    "node/lockfile-of-other-yarn",
		Title: fmt.Sprintf("package.json asks for Yarn %s, and %s was written by Yarn %s", m.Asked.Text, m.Lockfile, format),
		Where: m.Asked.Place(),
		Why:   "another Yarn would want to write the lockfile again, which a build must not do",
		Hints: []string{
			"Ask for the Yarn that you use, for example \"packageManager\": \"yarn@" + map[bool]string{false: "1.22.22", true: Example["yarn"]}[m.Berry] + "\".",
			"Or run `yarn install` with the Yarn that is asked for, and commit " + m.Lockfile + ".",
		},
	}
}

var yarnFormat = lazyregexp.New(`(?m)^__metadata:\r?\n  version: (\d+)`)

// usualYarn: another Yarn would want to change the lockfile's format, which a build must not.
func (m Manager) usualYarn() string {
	if !m.Berry {
		return "1.x"
	}
	format := 0
	if match := yarnFormat().FindSubmatch(m.Text); match != nil {
		format, _ = strconv.Atoi(string(match[1]))
	}
	switch {
	case m.Lockfile == "" || format >= 10:
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
func (m Manager) yarn(in plan.Install, s Source) plan.Install {
	in.Trees.Scratch = append(in.Trees.Scratch, ".yarn-integrity", ".yarn-state.yml", ".yarn_integrity")
	if m.Berry {
		return m.yarnBerry(in, s)
	}
	in.Commands.Env = map[string]string{"YARN_CACHE_FOLDER": plan.ScratchDir}
	settings := m.RCText
	if !ownMirror().Match(settings) {
		in.Commands.Env["YARN_YARN_OFFLINE_MIRROR"] = plan.StoreDir
	}
	version, err := semver.Parse(in.Manager.Version)
	if m.Lockfile != "" && err == nil && version.Major == 1 && version.Minor >= 19 && !ownMirror().Match(settings) && !ownNetwork().Match(settings) {
		in.Lockfile.Prefetch = plan.YarnCache
	}
	install := []string{"yarn", "install", "--non-interactive", "--no-progress"}
	if m.Lockfile == "" {
		install = append(install, "--no-lockfile")
	} else {
		install = append(install, "--frozen-lockfile")
	}
	in.Commands.All = plan.Run(with(install, "--production=false")...)
	in.Commands.OnlyLaunch = plan.Run(with(install, "--production=true")...)
	return in
}

func (m Manager) yarnBerry(in plan.Install, s Source) plan.Install {
	in.Commands.Env = map[string]string{
		"YARN_ENABLE_TELEMETRY": "0", "YARN_ENABLE_PROGRESS_BARS": "0", "YARN_ENABLE_IMMUTABLE_INSTALLS": strconv.FormatBool(m.Lockfile != ""),
		"YARN_GLOBAL_FOLDER": plan.StoreDir,
	}
	in.Commands.All = plan.Run("yarn", "install")
	if m.Lockfile != "" {
		in.Commands.All = plan.Run("yarn", "install", "--immutable")
	}
	in.Commands.OnlyLaunch = in.Commands.All
	if m.Lockfile != "" && !ownWays().Match(m.RCText) && !s.App.IsDir(path.Join(s.Root, ".yarn/cache")) {
		in.Lockfile.Prefetch = plan.YarnCache
	}
	if m.PnP() {
		return m.installPnP(in, s)
	}
	// What Yarn remembers of an installation does not belong in the image.
	in.Leftovers.Always = app.InDir(s.Root, []string{".yarn/install-state.gz", ".yarn/build-state.yml"})
	if !s.App.IsDir(path.Join(s.Root, ".yarn/cache")) {
		in.Commands.Env["YARN_ENABLE_GLOBAL_CACHE"] = "true"
	}
	if !s.App.IsDir(path.Join(s.Root, ".yarn")) {
		in.Leftovers.Always = append(in.Leftovers.Always, path.Join(s.Root, ".yarn"))
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

// withoutScripts finds the settings with which Yarn runs no scripts of packages: https://yarnpkg.com/configuration/yarnrc#enableScripts,
// https://classic.yarnpkg.com/en/docs/yarnrc.
var withoutScripts = lazyregexp.New(`(?m)^\s*"?(?:--install\.)?ignore-scripts"?\s+"?true`)

// IgnoresScripts reports whether Yarn 1 is told to run no scripts. Later Yarns run the application's own in any case.
func (m Manager) IgnoresScripts() bool {
	return m.Name == "yarn" && !m.Berry && withoutScripts().Match(m.RCText)
}
