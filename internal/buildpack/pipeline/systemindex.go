package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// unneeded are packages on which others depend for their installation with dpkg alone.
var unneeded = []string{"debconf", "debconf-2.0", "dpkg", "init-system-helpers", "install-info", "adduser", "ucf", "systemd", "systemd-sysv", "dbus", "libpam-runtime"}

// inEachImage are packages that each image of a distribution has, and of which there must not be another version.
func inEachImage(index *debian.Index) debian.Installed {
	return index.Named("base-files", "base-passwd", "libc-bin", "libc6", "libgcc-s1", "gcc-12-base", "gcc-14-base", "tzdata")
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
		p.Log.Warning(fmt.Sprintf("The build runs on %s, and the run image has %s: what is compiled against packages for building may need other versions of their libraries than the image has.", buildIndex.Distribution.Title(), index.Distribution.Title()))
	}
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
