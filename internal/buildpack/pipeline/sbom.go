package pipeline

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/sbom"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// billOfMaterials writes what the image holds, and what else the build used, from the plan and from what is known
// of the layer: it takes milliseconds and needs nothing on disk. Where it goes: buildpack specification, "Software-Bill-of-Materials".
func (w *work) billOfMaterials() error {
	const prefix = "org.opencontainers.image."
	d := sbom.Document{
		Name: w.plan.Labels[prefix+"title"], Version: w.plan.Labels[prefix+"version"],
		Tool: w.ctx.Buildpack.Info.Name, ToolVersion: w.ctx.Buildpack.Info.Version,
	}
	launch, build := d, d
	w.components("", &launch, &build)
	if w.plan.Provides != nil {
		w.providedWork().components(w.plan.Provides.Language+" ", &launch, &build)
	}
	if err := w.writeBill(launch, w.ctx.Layers.LaunchSBOMPath); err != nil {
		return err
	}
	return w.writeBill(build, w.ctx.Layers.BuildSBOMPath)
}

// components adds what the image holds, and what the build used, of one language. prefix tells its keys from another one's.
func (w *work) components(prefix string, launch, build *sbom.Document) {
	r := w.plan.Runtime
	runtime := sbom.Component{
		Key: prefix + "runtime", Type: "generic", Name: r.Release.Name, Version: r.Release.Version, Integrity: r.Release.Integrity, License: r.License, Runtime: true,
	}
	if r.CPE != "" {
		runtime.CPE = "cpe:2.3:a:" + r.CPE + ":" + r.Release.Version + ":*:*:*:*:*:*:*"
	}
	tool := func(t plan.Tool) sbom.Component {
		return sbom.Component{Key: prefix + "tool " + t.Release.Name, Type: "npm", Name: t.Release.Package, Version: t.Release.Version, Integrity: t.Release.Integrity}
	}
	if w.atLaunch() {
		if slices.Contains(r.Launch, "bin/"+r.Release.Name) {
			launch.Components = append(launch.Components, runtime)
		}
		for _, t := range toolsAtLaunch(r) {
			launch.Components = append(launch.Components, tool(t))
		}
	}
	build.Components = append(build.Components, runtime)
	for _, t := range tools(r) {
		build.Components = append(build.Components, tool(t))
	}
	if packages := w.plan.Dependencies; packages != nil {
		keys := func(list []string) (prefixed []string) {
			for _, key := range list {
				prefixed = append(prefixed, prefix+key)
			}
			return prefixed
		}
		roots := keys(packages.DependsOn)
		build.Roots = append(build.Roots, roots...)
		if w.atLaunch() {
			launch.Roots = append(launch.Roots, roots...)
		}
		missing := w.missing()
		for _, p := range packages.Packages {
			c := sbom.Component{Key: prefix + p.Key, Type: cmp.Or(packages.PackageType, "npm"), Name: p.Name, Version: p.Version, Integrity: p.Integrity, License: p.License, Needs: keys(p.Needs)}
			build.Components = append(build.Components, c)
			if _, there := slices.BinarySearch(packages.AtLaunch, p.Key); there && w.atLaunch() && !slices.Contains(missing, p.Key) {
				launch.Components = append(launch.Components, c)
			}
		}
		l, _ := w.inResult(modulesLayer)
		for _, text := range asStrings(l.Metadata[listedPackages]) {
			name, version, _ := strings.Cut(text, " ")
			c := sbom.Component{Key: prefix + text, Type: cmp.Or(packages.PackageType, "npm"), Name: name, Version: version}
			build.Components, launch.Components = append(build.Components, c), append(launch.Components, c)
		}
	}
}

func (w *work) writeBill(d sbom.Document, path func(libcnb.SBOMFormat) string) error {
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
