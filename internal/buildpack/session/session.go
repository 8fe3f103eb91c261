// Package session is what all stages of one build share: the folders, the variables and home folder of the build's
// programs, what they trust, the client for downloads, and the log. A session does not change once it is open.
package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Session is one build's surroundings.
type Session struct {
	// App is the application's folder, Layers that of the layers, Buildpack that of Gantry.
	App, Layers, Buildpack string
	// Info names the buildpack and its version.
	Info libcnb.BuildpackInfo
	// Arch is the architecture as Go names it, Distribution the name and version of the image's.
	Arch, Distribution string
	Log                *buildlog.Log
	// Client fetches runtimes and tools, Registry packages: mirrors of buildpacks' downloads do not hold those, which have
	// their registry's setting.
	Client, Registry *fetch.Client
	// given are the variables of the platform, own those of the process.
	given, own map[string]string
	// more are variables in the place of those, with which programs find packages of the distribution.
	more     map[string]string
	home     home
	bindings libcnb.Bindings
	// Libraries are names of shared libraries that the image gets from packages of the distribution.
	Libraries []string
	// RunPackages is the run image's list of installed packages, /var/lib/dpkg/status; empty where the platform does not tell.
	RunPackages string
	// RunLibraries are the names of the run image's shared libraries; nil where the platform does not tell.
	RunLibraries []string
	// Ready is a folder, on the mount of the application and the layers, that the platform keeps from build to build; empty for none.
	Ready string
}

// readyVariable and runImageVariable are how the embedded platform names the folder Ready, and one with RunPackages and RunLibraries.
const (
	readyVariable    = "GANTRY_READY"
	runImageVariable = "GANTRY_RUN_IMAGE"
)

// Foreign reports whether the image is for another architecture than the build's programs: none of the image's own can run here.
func (s Session) Foreign() bool { return s.Arch != runtime.GOARCH }

// Program is the file of one of the buildpack's programs that are in images, such as "bin/gantry": for another architecture it is in a
// folder of its name.
func (s Session) Program(name string) string {
	if s.Foreign() {
		name = filepath.Join(filepath.Dir(name), "linux-"+s.Arch, filepath.Base(name))
	}
	return filepath.Join(s.Buildpack, name)
}

// Arch gives the architecture that a build is for.
func Arch(cnb libcnb.BuildContext) string {
	if cnb.TargetInfo.Arch != "" {
		return cnb.TargetInfo.Arch
	}
	return runtime.GOARCH
}

// Open starts a session. Close ends it.
func Open(cnb libcnb.BuildContext, environ []string, toolchains []plan.Toolchain, log *buildlog.Log) (Session, error) {
	s := Session{
		App: cnb.ApplicationPath, Layers: cnb.Layers.Path, Buildpack: cnb.Buildpack.Path, Info: cnb.Buildpack.Info,
		Arch: Arch(cnb), Distribution: cnb.TargetDistro.Name + " " + cnb.TargetDistro.Version, Log: log,
		given: maps.Clone(cnb.Platform.Environment), own: map[string]string{}, bindings: cnb.Platform.Bindings,
	}
	if dir := s.given[readyVariable]; dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			s.Ready = dir
		}
		// It is nothing to the build's programs.
		delete(s.given, readyVariable)
	}
	if dir := s.given[runImageVariable]; dir != "" {
		// Without them, the packages of any image of the distribution count.
		packages, _ := os.ReadFile(filepath.Join(dir, "packages"))
		libraries, _ := os.ReadFile(filepath.Join(dir, "libraries"))
		s.RunPackages, s.RunLibraries = string(packages), strings.Fields(string(libraries))
		delete(s.given, runImageVariable)
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		s.own[name] = value
	}
	files := map[string]string{}
	for _, t := range slices.Backward(toolchains) {
		maps.Copy(files, t.HomeFiles)
	}
	given := serviceBindings{cnb.Platform.Bindings, files}
	given.warn(log)
	var err error
	if s.Client, err = NewClient(cnb, environ, log); err != nil {
		return s, err
	}
	registry := *s.Client
	registry.Mirrors, registry.Offline = fetch.Mirrors{}, ""
	s.Registry = &registry
	s.home, err = makeHome(given, s.Variables())
	return s, err
}

// Close removes what the session has made.
func (s Session) Close() error { return s.home.remove() }

// NewClient gives a client for a build's downloads, with the mirrors and certificates of its service bindings.
func NewClient(cnb libcnb.BuildContext, environ []string, log *buildlog.Log) (*fetch.Client, error) {
	given := serviceBindings{all: cnb.Platform.Bindings}
	environ = slices.Clone(environ)
	for name, value := range cnb.Platform.Environment {
		environ = append(environ, name+"="+value)
	}
	mirrors, err := fetch.ReadMirrors(environ, given.mirrors())
	if err != nil {
		return nil, err
	}
	client := fetch.NewClient("gantry/" + cnb.Buildpack.Info.Version)
	client.Mirrors = mirrors
	client.Offline = cnb.Buildpack.Path + "/dependencies"
	client.Retrying = func(_, why string, wait time.Duration) {
		log.Line("", fmt.Sprintf("%s; trying again in %.0f s", why, max(1, wait.Seconds())))
	}
	client.Waiting = func(host string, since time.Duration) {
		log.Line("", fmt.Sprintf("waiting for %s, which has sent nothing for %.0f s", host, since.Seconds()))
	}
	if more := given.certificates(); len(more) > 0 {
		pool, err := trusted(more)
		if err != nil {
			return nil, err
		}
		client.Trust(pool)
	}
	return client, nil
}

// Given are the variables of the platform.
func (s Session) Given() map[string]string { return maps.Clone(s.given) }

// WithoutHome gives a text without the name of the home folder, where that is another one in each build.
func (s Session) WithoutHome(text string) string {
	if !s.home.temporary {
		return text
	}
	return strings.ReplaceAll(text, s.home.dir, "~")
}

// BindingsDigest sums up the service bindings, with a salt: they hold secrets.
func (s Session) BindingsDigest(salt string) string {
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, salt)
	for _, b := range s.bindings {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00%s\x00", b.Name, b.Type, b.Provider)
		// libcnb does not read files with a dot. What cannot be read counts as nothing, as it does for the build's programs.
		entries, _ := os.ReadDir(b.Path)
		for _, entry := range entries {
			content, _ := os.ReadFile(filepath.Join(b.Path, entry.Name()))
			_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", entry.Name(), content)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Variables are the platform's over the process's and, where none is set, those of toolchains, the first one's before the
// others'.
func (s Session) Variables(toolchains ...plan.Toolchain) map[string]string {
	values := maps.Clone(s.own)
	maps.Copy(values, s.given)
	maps.Copy(values, s.more)
	if s.home.dir != "" {
		values["HOME"] = s.home.dir
	}
	if s.home.certificates != "" {
		values["SSL_CERT_FILE"] = s.home.certificates
	}
	for _, t := range toolchains {
		for name, value := range t.Env {
			if _, set := values[name]; set {
				continue
			}
			value = s.InImage(strings.ReplaceAll(value, plan.ToolchainDir, s.ToolchainDir(t)))
			if value == plan.CACertificates {
				if value = certificates(values["SSL_CERT_FILE"]); value == "" {
					continue
				}
			}
			values[name] = value
		}
		for name, value := range t.Fixed {
			if value == "" {
				delete(values, name)
			} else {
				values[name] = s.InImage(value)
			}
		}
	}
	return values
}

// With gives the session whose programs find more: folders behind those that a variable lists. libraries are shared libraries that the
// image gets from packages of the distribution.
func (s Session) With(folders map[string][]string, libraries []string) Session {
	changed := map[string]string{}
	variables := s.Variables()
	for name, more := range folders {
		list := slices.DeleteFunc(append([]string{variables[name]}, more...), func(text string) bool { return text == "" })
		changed[name] = strings.Join(list, string(os.PathListSeparator))
	}
	s.more, s.Libraries = changed, libraries
	return s
}

// Environ is what a program sees that uses toolchains, as NAME=value.
func (s Session) Environ(toolchains ...plan.Toolchain) []string {
	values := s.Variables(toolchains...)
	var path []string
	for _, t := range toolchains {
		path = append(append(path, s.InApp(t.Path)...), filepath.Join(s.ToolchainDir(t), "bin"))
	}
	values["PATH"] = strings.Join(append(path, values["PATH"]), string(os.PathListSeparator))
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, name+"="+values[name])
	}
	return list
}

// ToolchainDir is the folder of a toolchain.
func (s Session) ToolchainDir(t plan.Toolchain) string {
	return filepath.Join(s.Layers, t.LayerPrefix+ToolchainLayer)
}

// ToolchainLayer is the name of a toolchain's layer, after the prefix of its language.
const ToolchainLayer = "toolchain"

// InApp gives the places of the application's folders.
func (s Session) InApp(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, filepath.Join(s.App, name))
	}
	return list
}

// FilesDir is the folder of an image's files in Gantry's layer.
const FilesDir = "files"

// GantryLayer is the name of the layer that holds them.
const GantryLayer = "gantry"

// InImage replaces what stands in a plan for places in the image.
func (s Session) InImage(text string) string {
	return strings.NewReplacer(plan.AppDir, s.App, plan.FilesDir, filepath.Join(s.Layers, GantryLayer, FilesDir)).Replace(text)
}
