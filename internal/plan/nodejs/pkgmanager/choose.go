package pkgmanager

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Choose decides which package manager installs: what package.json says, else the lockfile.
func Choose(s Source) (Manager, error) {
	var there []Kind
	for _, k := range Kinds {
		if s.App.FirstOf(app.InDir(s.Root, k.Lockfiles)) != "" {
			there = append(there, k)
		}
	}
	named, m, err := s.namedManager(there)
	if err != nil {
		return m, err
	}
	switch {
	case named:
	case len(there) > 1:
		return m, s.lockfilesDisagree(there)
	case len(there) == 1:
		m.Kind = there[0]
	case s.hasPNPMWorkspace():
		m.Kind, m.Origin = KindOf("pnpm"), PNPMWorkspace+" is there"
	case s.namedByEngines() != nil:
		m.Kind = *s.namedByEngines()
		m.Origin = "from engines." + m.Name + " in " + s.Top.Where("engines", m.Name).String()
	default:
		m.Kind, m.Origin = KindOf("npm"), "there is no lockfile"
	}
	if file := s.App.FirstOf(app.InDir(s.Root, m.Lockfiles)); file != "" {
		m.Lockfile = strings.TrimPrefix(strings.TrimPrefix(file, s.Root), "/")
		m.Origin = cmp.Or(m.Origin, m.Lockfile+" is there")
		if m.Name != "npm" {
			if m.Text, _, err = s.App.Read(file); err != nil {
				return m, err
			}
		}
	} else if named && len(there) > 0 {
		return m, s.lockfileOfAnother(m, there[0])
	}
	if m.Name == "pnpm" {
		if err := s.checkLinker(); err != nil {
			return m, err
		}
	}
	if m.Name == "yarn" {
		if m, err = s.readYarn(m); err != nil {
			return m, err
		}
	}
	// The Yarn that engines names hands over to the one that yarnPath names.
	if version := s.Top.Engines.Versions[m.Name]; m.Asked.Text == "" && version != "" && m.RC.YarnPath == "" {
		where := s.Top.Where("engines", m.Name)
		m.Asked = nodeversion.Request{Text: version, Origin: "engines." + m.Name + " in " + where.String(), Where: where}
		m.Berry = m.Berry || m.Name == "yarn" && m.Lockfile == "" && !asksForClassic(version)
	}
	return m, nil
}

// namedByEngines is the package manager other than npm that engines names, where no lockfile tells; nil for none, or several.
func (s Source) namedByEngines() *Kind {
	var named []Kind
	for _, k := range Kinds {
		if k.Name != "npm" && s.Top.Engines.Versions[k.Name] != "" {
			named = append(named, k)
		}
	}
	if len(named) != 1 {
		return nil
	}
	return &named[0]
}

func (s Source) hasPNPMWorkspace() bool {
	return s.App.Has(path.Join(s.Root, PNPMWorkspace)) && s.Workspaces
}

// namedManager reads "packageManager" (https://nodejs.org/api/packages.html#packagemanager) and
// devEngines.packageManager, which is no more than advice with "onFail": "warn" or "ignore": then the lockfile that is there counts.
func (s Source) namedManager(there []Kind) (named bool, m Manager, err error) {
	if text := s.Top.PackageManager; text != "" {
		where := s.Top.Where("packageManager")
		name, version, _ := strings.Cut(text, "@")
		version, hash, _ := strings.Cut(version, "+")
		i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
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
		return true, Manager{Kind: Kinds[i], Hash: hash, Origin: "from " + origin, Asked: nodeversion.Request{Text: version, Origin: origin, Where: where}}, nil
	}
	for _, wanted := range s.Top.DevEngines.PackageManager {
		i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == wanted.Name })
		isThere := func(k Kind) bool { return k.Name == wanted.Name }
		if i < 0 || wanted.IsAdvice() && len(there) > 0 && !slices.ContainsFunc(there, isThere) {
			continue
		}
		where := s.Top.Where("devEngines", "packageManager")
		origin := "devEngines.packageManager in " + where.String()
		return true, Manager{Kind: Kinds[i], Origin: "from " + origin, Asked: nodeversion.Request{Text: wanted.Version, Origin: origin, Where: where}}, nil
	}
	return false, m, nil
}

func (s Source) lockfilesDisagree(there []Kind) error {
	first, second := s.App.FirstOf(app.InDir(s.Root, there[0].Lockfiles)), s.App.FirstOf(app.InDir(s.Root, there[1].Lockfiles))
	return &problem.Problem{
		ID:    "node/lockfiles-disagree",
		Title: fmt.Sprintf("there are lockfiles of two package managers: %s and %s", first, second),
		Where: problem.Position{File: second},
		Why:   fmt.Sprintf("%s would install other packages than %s", there[1].Title, there[0].Title),
		Hints: []string{
			"Delete the one that you do not use.",
			fmt.Sprintf(`Or choose in package.json, for example "packageManager": "%s@%s".`, there[1].Name, Example[there[1].Name]),
		},
	}
}

// Example are versions for hints.
var Example = map[string]string{"npm": "11.17.0", "yarn": "4.13.0", "pnpm": "10.34.9", "bun": "1.3.14"}

func (s Source) lockfileOfAnother(m Manager, other Kind) error {
	file := s.App.FirstOf(app.InDir(s.Root, other.Lockfiles))
	return &problem.Problem{
		ID:    "node/lockfile-of-another",
		Title: fmt.Sprintf("package.json asks for %s, and the lockfile is that of %s", m.Title, other.Title),
		Where: m.Asked.Where,
		Why:   fmt.Sprintf("there is %s and no %s", file, m.Lockfiles[len(m.Lockfiles)-1]),
		Hints: []string{fmt.Sprintf("Run `%s`, commit %s and delete %s; or name %s in package.json.", m.Lock, m.Lockfiles[len(m.Lockfiles)-1], file, other.Name)},
	}
}
