package pipeline

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/sbom"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// writeBill writes the bills of materials of the image, and of the build, from the plan and from what is known of the
// layers: it takes milliseconds and needs nothing on disk. Where they go: buildpack specification,
// "Software-Bill-of-Materials".
func (p pipeline) writeBill(l libcnb.Layers, b outcome) error {
	const prefix = "org.opencontainers.image."
	document := sbom.Document{
		Name: p.Image.Labels[prefix+"title"], Version: p.Image.Labels[prefix+"version"], Tool: p.Info.Name, ToolVersion: p.Info.Version,
	}
	launch, build := document.With(p.systemPart()), document.With(p.systemPart())
	for n, t := range p.Toolchains {
		// The first language's keys have no prefix.
		k := keys("")
		if n > 0 {
			k = keys(t.Language + " ")
		}
		runtime := k.toolchain(t)
		launch, build = launch.With(runtime.launch), build.With(runtime.build)
		for _, in := range p.Installs {
			if in.Language == t.Language {
				packages := k.packages(in, t.AtLaunch(), layers.Find(b.layers, in.Layer))
				launch, build = launch.With(packages.launch), build.With(packages.build)
			}
		}
	}
	if err := writeDocument(launch, l.LaunchSBOMPath); err != nil {
		return err
	}
	return writeDocument(build, l.BuildSBOMPath)
}

// systemPart are the packages of the distribution in the image.
func (p pipeline) systemPart() (part sbom.Part) {
	id, version, _ := strings.Cut(p.Distribution, " ")
	for _, text := range p.system.installed {
		words := strings.Fields(text)
		if len(words) != 4 {
			continue
		}
		part.Components = append(part.Components, sbom.Component{
			Key: "system " + words[0], Type: "deb", Name: words[0], Version: words[1], PURL: debian.PURL(id, version, words[0], words[1], words[2], words[3]),
		})
		part.Roots = append(part.Roots, "system "+words[0])
	}
	return part
}

// keys tells the components of one language from those of another, by a prefix.
type keys string

func (k keys) all(list []string) (prefixed []string) {
	for _, key := range list {
		prefixed = append(prefixed, string(k)+key)
	}
	return prefixed
}

// parts are what the image holds, and what the build used.
type parts struct{ launch, build sbom.Part }

// toolchain gives a runtime and its tools.
func (k keys) toolchain(t plan.Toolchain) (p parts) {
	r := t.Runtime
	of := func(r plan.Release) sbom.Component {
		return sbom.Component{Version: r.Version, Integrity: r.Integrity, License: r.License, CPE: r.CPE, PURL: r.PURL, Unpinned: !r.Pinned()}
	}
	runtime := of(r.Release)
	runtime.Key, runtime.Type, runtime.Name, runtime.Runtime = string(k)+"runtime", "generic", r.Release.Name, true
	component := func(t plan.Tool) sbom.Component {
		c := of(t.Release)
		c.Key, c.Type, c.Name = string(k)+"tool "+t.Release.Name, plan.ToolType, t.Release.Package
		return c
	}
	p.build.Components = []sbom.Component{runtime}
	for _, tool := range t.Tools {
		p.build.Components = append(p.build.Components, component(tool))
	}
	if slices.Contains(r.Files.Launch, "bin/"+r.Release.Name) {
		p.launch.Components = []sbom.Component{runtime}
	}
	for _, tool := range t.ToolsAtLaunch() {
		p.launch.Components = append(p.launch.Components, component(tool))
	}
	return p
}

// packages gives those of an installation; layer is that of the packages for running.
func (k keys) packages(in plan.Install, atLaunch bool, layer libcnb.Layer) (p parts) {
	p.build.Roots = k.all(in.List.DependsOn)
	if atLaunch {
		p.launch.Roots = p.build.Roots
	}
	missing, elsewhere := layers.Strings(layer.Metadata[notInstalledKey]), layers.Strings(layer.Metadata[elsewhereKey])
	for _, pkg := range in.List.Packages {
		c := sbom.Component{
			Key: string(k) + pkg.Key, Type: in.List.Type, Name: pkg.Name, Version: pkg.Version, Integrity: pkg.Integrity, License: pkg.License, Needs: k.all(pkg.Needs),
			Signed: in.Lockfile.Verify == plan.Signed && layer.Name != "" && !slices.Contains(elsewhere, pkg.Name),
		}
		p.build.Components = append(p.build.Components, c)
		if _, listed := slices.BinarySearch(in.List.AtLaunch, pkg.Key); listed && atLaunch && !slices.Contains(missing, pkg.Key) {
			p.launch.Components = append(p.launch.Components, c)
		}
	}
	for _, text := range layers.Strings(layer.Metadata[unlistedKey]) {
		name, version, _ := strings.Cut(text, " ")
		c := sbom.Component{Key: string(k) + text, Type: in.List.Type, Name: name, Version: version}
		p.build.Components, p.launch.Components = append(p.build.Components, c), append(p.launch.Components, c)
	}
	return p
}

func writeDocument(d sbom.Document, path func(libcnb.SBOMFormat) string) error {
	var cyclonedx, spdx bytes.Buffer
	if err := d.CycloneDX(&cyclonedx); err != nil {
		return err
	}
	if err := d.SPDX(&spdx); err != nil {
		return err
	}
	for format, text := range map[libcnb.SBOMFormat][]byte{libcnb.CycloneDXJSON: cyclonedx.Bytes(), libcnb.SPDXJSON: spdx.Bytes()} {
		if err := os.WriteFile(path(format), text, 0o644); err != nil {
			return problem.Disk("write the bill of materials", err)
		}
	}
	return nil
}
