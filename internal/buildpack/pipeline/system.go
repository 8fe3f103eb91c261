package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// system are the distribution's packages that a build needs.
type system struct {
	layers []libcnb.Layer
	// installed are those in the image, as "NAME VERSION ARCHITECTURE SOURCE", and libraries the shared libraries that they have.
	installed, libraries []string
	// versions sums up which packages are there while the application is built.
	versions string
	// dir is the folder of those, which open makes and fills: it gives the variables with which programs find what is in it.
	dir  string
	open func(ctx context.Context) (debian.Variables, error)
	// work is a folder for what is downloaded, until the build ends.
	work string
}

// close removes what was downloaded.
func (s system) close() {
	if s.work != "" {
		_ = archive.RemoveAll(s.work)
	}
}

// Keys of metadata: which packages and libraries a layer has, and when the index was looked at.
const (
	installedKey = "installed"
	librariesKey = "libraries"
	lookedKey    = "looked"
)

// lookEvery is how often it is looked whether packages have newer versions.
const lookEvery = 24 * time.Hour

// unneeded are packages on which others depend for their installation with dpkg alone.
var unneeded = []string{"debconf", "debconf-2.0", "dpkg", "init-system-helpers", "install-info", "adduser", "ucf", "systemd", "systemd-sysv", "dbus", "libpam-runtime"}

// inEachImage are packages that each image of a distribution has, and of which there must not be another version.
func inEachImage(index *debian.Index) debian.Installed {
	return index.Named("base-files", "base-passwd", "libc-bin", "libc6", "libgcc-s1", "gcc-12-base", "gcc-14-base", "tzdata")
}

// makeSystem finds the packages of the distribution, or reuses those of the last build.
func (p pipeline) makeSystem(ctx context.Context) (system, error) {
	if p.Plan.System.None() {
		return system{}, nil
	}
	defer p.Log.Span("Packages", "of the distribution")()
	host := buildImage()
	spec, cacheSpec := layers.System(p.Session, p.Plan.System), layers.SystemCache(p.Plan.System, host.name, p.Arch, host.status)
	last, cache := p.store.Last(spec.Name), p.store.Last(cacheSpec.Name)
	cause, cacheCause := spec.Inputs.CauseBut(last.Metadata, layers.VersionsInput), cacheSpec.Inputs.CauseBut(cache.Metadata, layers.VersionsInput)
	if len(p.Plan.System.Packages) == 0 {
		cause = ""
	}
	if cause == "" && cacheCause == "" && recent(cache.Metadata[lookedKey], time.Now()) {
		return p.reuseSystem(spec, cacheSpec), nil
	}
	found, err := p.findSystem(ctx, host)
	if err != nil {
		_ = archive.RemoveAll(found.work)
		if cause == "" && cacheCause == "" && fetch.IsUnavailable(err) {
			p.Log.Warning("It could not be looked whether the distribution's packages have newer versions: " + problem.As(err).Title + ". Those of the last build are used.")
			return p.reuseSystem(spec, cacheSpec), nil
		}
		return system{}, err
	}
	return p.fillSystem(ctx, spec, cacheSpec, found)
}

// recent reports whether the index was looked at in the last day.
func recent(looked any, now time.Time) bool {
	text, _ := looked.(string)
	at, err := time.Parse(time.RFC3339, text)
	return err == nil && !at.After(now) && now.Sub(at) < lookEvery
}

// host is what the build runs on: the name of its distribution, and dpkg's list of packages.
type host struct {
	id, version, name, status string
}

// buildImage reads os-release(5) and dpkg's list.
func buildImage() host {
	text, _ := os.ReadFile("/etc/os-release")
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[key] = strings.Trim(value, `"'`)
	}
	status, _ := os.ReadFile("/var/lib/dpkg/status")
	return host{fields["ID"], fields["VERSION_ID"], fields["ID"] + " " + fields["VERSION_ID"], string(status)}
}

// foundSystem are the versions of packages that are wanted.
type foundSystem struct {
	launch, build []debian.Package
	// hasBuild is false where the build image has another distribution than the packages.
	hasBuild bool
	// work is a folder for what is downloaded.
	work string
}

// findSystem finds the packages in the distribution's index.
func (p pipeline) findSystem(ctx context.Context, on host) (f foundSystem, err error) {
	id, version, _ := strings.Cut(p.Distribution, " ")
	if strings.TrimSpace(p.Distribution) == "" {
		id, version = on.id, on.version
	}
	if f.work, err = os.MkdirTemp("", "gantry-packages-"); err != nil {
		return f, problem.Disk("make a temporary folder", err)
	}
	index, err := p.readIndex(ctx, id, version, f.work)
	if err != nil {
		return f, err
	}
	there := inEachImage(index)
	if p.RunPackages != "" {
		there = debian.ReadStatus([]byte(p.RunPackages))
	}
	if f.launch, err = index.Resolve(p.Plan.System.Packages, there, unneeded); err != nil {
		return f, err
	}
	if p.Foreign() {
		return f, nil
	}
	buildIndex := index
	if on.version != index.Distribution.VersionID || on.id != index.Distribution.ID {
		if _, known := debian.Of(on.id, on.version, p.Arch); !known {
			if len(p.Plan.System.Build) > 0 {
				return f, unknownRelease("build image", on.id, on.version)
			}
			p.Log.Line("Packages", fmt.Sprintf("of %s are in the image, and not there while it is built: the build runs on %s", index.Distribution.Title(), on.name))
			return f, nil
		}
		if buildIndex, err = p.readIndex(ctx, on.id, on.version, f.work); err != nil {
			return f, err
		}
	}
	f.hasBuild = true
	f.build, err = buildIndex.Resolve(slices.Concat(p.Plan.System.Packages, p.Plan.System.Build), debian.ReadStatus([]byte(on.status)), unneeded)
	return f, err
}

func (p pipeline) readIndex(ctx context.Context, id, version, work string) (*debian.Index, error) {
	d, known := debian.Of(id, version, p.Arch)
	if !known {
		return nil, unknownRelease("run image", id, version)
	}
	if p.Plan.System.Snapshot != "" {
		d = d.At(p.Plan.System.Snapshot)
	}
	end := p.Log.Step("Packages", "reading the index of "+d.Title())
	index, err := debian.ReadIndex(ctx, d, p.Client, filepath.Join(work, "index-"+d.Codename), time.Now())
	end("")
	return index, err
}

func unknownRelease(what, id, version string) error {
	name := strings.TrimSpace(id + " " + version)
	if name == "" {
		name = "no distribution that it names"
	}
	return &problem.Problem{
		ID:    "packages/release",
		Title: "packages of the distribution cannot be installed here",
		Why:   fmt.Sprintf("the %s has %s, and Gantry knows the packages of %s", what, name, debian.Known()),
		Hints: []string{"Use images of one of these, such as those of `gantry base`; or leave out packages and build-packages."},
	}
}

// fillSystem makes the layers, where the packages are not those of the last build.
func (p pipeline) fillSystem(ctx context.Context, spec, cacheSpec layers.Spec, found foundSystem) (system, error) {
	s := system{work: found.work}
	spec.Inputs[layers.VersionsInput], cacheSpec.Inputs[layers.VersionsInput] = versionsOf(found.launch), versionsOf(found.build)
	if len(p.Plan.System.Packages) > 0 && len(found.launch) == 0 {
		p.Log.Line("Packages", "the run image has "+strings.Join(p.Plan.System.Packages, ", ")+" already")
	}
	if len(found.launch) > 0 {
		l, cause := p.store.Reuse(spec)
		if cause != "" {
			var err error
			if l, err = p.fillLaunch(ctx, spec, found.launch, filepath.Join(found.work, "debs")); err != nil {
				return s, err
			}
		}
		p.logLayer(l.Name, cause)
		s = s.with(l)
	}
	cache, cause := p.store.Reuse(cacheSpec)
	if cause != "" {
		var err error
		if cache, err = p.store.Fresh(cacheSpec); err != nil {
			return s, err
		}
	}
	cache.Metadata[lookedKey] = time.Now().UTC().Format(time.RFC3339)
	return p.lazily(s, cache, found), nil
}

// with adds the layer of the packages for running.
func (s system) with(l libcnb.Layer) system {
	s.layers = append(s.layers, l)
	s.installed, s.libraries = layers.Strings(l.Metadata[installedKey]), layers.Strings(l.Metadata[librariesKey])
	return s
}

// fillLaunch puts packages for running into their layer.
func (p pipeline) fillLaunch(ctx context.Context, spec layers.Spec, packages []debian.Package, debs string) (libcnb.Layer, error) {
	l, err := p.store.Fresh(spec)
	if err != nil {
		return l, err
	}
	root := filepath.Join(l.Path, layers.SystemRoot)
	if err := p.unpackSystem(ctx, packages, debs, root, "in the image"); err != nil {
		return l, err
	}
	list := []string{}
	for _, q := range packages {
		list = append(list, strings.Join([]string{q.Name, q.Version, q.Architecture, q.Source()}, " "))
	}
	l.Metadata[installedKey], l.Metadata[librariesKey] = list, debian.Libraries(root)
	l.LaunchEnvironment = libcnb.Environment{}
	v := debian.VariablesOf(root, p.Arch, false)
	for name, folders := range v.Lists {
		// What the image has itself comes first.
		l.LaunchEnvironment.Append(name, string(os.PathListSeparator), strings.Join(folders, string(os.PathListSeparator)))
	}
	for name, value := range v.Values {
		l.LaunchEnvironment.Default(name, value)
	}
	return l, layers.Libraries{Session: p.Session, Complete: true}.Record(l.Path, ofProgram)
}

// ofProgram gives the name of a file of a package that must find its libraries: a program, or a library that programs are linked with. What
// is loaded when it is wanted, such as a codec, may lack some: packages only suggest those.
func ofProgram(name string) string {
	dir := strings.TrimPrefix(filepath.Dir(name), layers.SystemRoot+"/")
	if matched, _ := filepath.Match("usr/lib/*-linux-gnu", dir); matched || slices.Contains([]string{"usr/bin", "usr/sbin", "usr/lib"}, dir) {
		return filepath.Base(name)
	}
	return ""
}

func (p pipeline) unpackSystem(ctx context.Context, packages []debian.Package, debs, dir, where string) error {
	end := p.Log.Step("Packages", "installing "+problem.Count(len(packages), "package")+" of the distribution "+where)
	files, err := debian.Download(ctx, p.Client, packages, debs)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = debian.Overlay(ctx, packages, files, dir)
	}
	if err != nil {
		end("")
		return err
	}
	end(fmt.Sprintf("%s of the distribution installed %s", problem.Count(len(packages), "package"), where))
	return nil
}

// reuseSystem takes the packages of the last build.
func (p pipeline) reuseSystem(spec, cacheSpec layers.Spec) (s system) {
	cache := p.store.Last(cacheSpec.Name)
	cache.LayerTypes = cacheSpec.Types
	if len(p.Plan.System.Packages) > 0 {
		l := p.store.Last(spec.Name)
		l.LayerTypes = spec.Types
		p.logLayer(l.Name, "")
		s = s.with(l)
	}
	return p.lazily(s, cache, foundSystem{})
}

// lazily has the packages for building on disk when the first program of the build runs. found is empty where they are those of the
// last build.
func (p pipeline) lazily(s system, cache libcnb.Layer, found foundSystem) system {
	s.layers = append(s.layers, cache)
	if inputs, ok := cache.Metadata["inputs"].(map[string]any); ok {
		s.versions, _ = inputs[layers.VersionsInput].(string)
	}
	if s.versions == versionsOf(nil) {
		return s
	}
	s.dir = filepath.Join(p.store.Path(layers.SystemBuild().Name), layers.SystemRoot)
	s.open = func(ctx context.Context) (debian.Variables, error) {
		err := p.openSystem(ctx, cache, found)
		return debian.VariablesOf(s.dir, p.Arch, true), err
	}
	return s
}

// openSystem unpacks the archive of the packages for building; where there is none, or a damaged one, they are installed, and archived.
func (p pipeline) openSystem(ctx context.Context, cache libcnb.Layer, found foundSystem) error {
	defer p.Log.Span("Packages", "unpack those of the distribution, for building")()
	scratch, err := p.store.Fresh(layers.SystemBuild())
	if err != nil {
		return err
	}
	file := filepath.Join(cache.Path, layers.SystemArchive)
	if archive.UnzstdFile(file, scratch.Path) == nil {
		return nil
	}
	if len(found.build) == 0 {
		if found, err = p.findSystem(ctx, buildImage()); err != nil {
			return err
		}
		defer func() { _ = archive.RemoveAll(found.work) }()
	}
	if scratch, err = p.store.Fresh(layers.SystemBuild()); err != nil {
		return err
	}
	if err := p.unpackSystem(ctx, found.build, filepath.Join(found.work, "debs"), filepath.Join(scratch.Path, layers.SystemRoot), "for building"); err != nil {
		return err
	}
	// A layer of the last build that was damaged is not there, though it is known.
	if err := os.MkdirAll(cache.Path, 0o755); err != nil {
		return problem.Disk("keep the packages for building", err)
	}
	p.writes.start(p.Log, "archive packages of the distribution", func() error { return p.store.Pack(file, scratch.Path, ".") })
	return nil
}

func versionsOf(packages []debian.Package) string {
	var text strings.Builder
	for _, q := range packages {
		fmt.Fprintln(&text, q.Name, q.Version)
	}
	return layer.Digest([]byte(text.String()))
}

// withSystem gives the pipeline whose programs find the packages of the distribution.
func (p pipeline) withSystem(s system) pipeline {
	p.system = s
	if s.open == nil {
		p.Session = p.Session.With(nil, s.libraries)
		return p
	}
	p.Session = p.Session.With(debian.Folders(s.dir, p.Arch), s.libraries)
	open := sync.OnceValues(func() (debian.Variables, error) { return s.open(context.Background()) })
	run := p.run
	p.run = func(ctx context.Context, r command.Runner, c plan.Command) error {
		more, err := open()
		if err != nil {
			return err
		}
		r.Env = withVariables(r.Env, more)
		return run(ctx, r, c)
	}
	return p
}

// withVariables adds variables to those of a program: folders that a list does not have yet, and values that are not set.
func withVariables(environ []string, more debian.Variables) []string {
	values := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	list := slices.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(more.Lists)) {
		folders := filepath.SplitList(values[name])
		for _, folder := range more.Lists[name] {
			if !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
		list = append(list, name+"="+strings.Join(folders, string(os.PathListSeparator)))
	}
	for _, name := range slices.Sorted(maps.Keys(more.Values)) {
		if _, set := values[name]; !set {
			list = append(list, name+"="+more.Values[name])
		}
	}
	return list
}
