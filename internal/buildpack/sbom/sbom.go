// Package sbom writes software bills of materials: CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/) and SPDX 2.3
// (https://spdx.github.io/spdx-spec/v2.3/). The same components give the same bytes: there are no times and no random
// numbers in them.
package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/package-url/packageurl-go"
	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// Component is one thing that an image, or a build, holds.
type Component struct {
	// Key tells it from all others.
	Key string
	// Type is a package URL's type, such as "npm" or "generic".
	Type, Name, Version string
	// Integrity is Subresource Integrity; License an SPDX expression; CPE as in CPE 2.3; PURL a package URL, empty for that of the
	// type, name and version. Each may be empty.
	Integrity, License, CPE, PURL string
	// Unpinned: Gantry did not know beforehand what its bytes must be.
	Unpinned bool
	// Signed: the registry's signature was verified.
	Signed bool
	// Runtime marks the language's runtime.
	Runtime bool
	// Needs are the keys of what it needs.
	Needs []string
}

// Document is what is written.
type Document struct {
	// Name and Version are the application's.
	Name, Version string
	// Tool and ToolVersion are those of what writes it.
	Tool, ToolVersion string
	Components        []Component
	// Roots are the keys of what the application itself needs.
	Roots []string
}

// Part is a part of a document.
type Part struct {
	Components []Component
	Roots      []string
}

// With gives the document with one more part.
func (d Document) With(p Part) Document {
	d.Components, d.Roots = slices.Concat(d.Components, p.Components), slices.Concat(d.Roots, p.Roots)
	return d
}

func (c Component) purl() string {
	if c.PURL != "" {
		return c.PURL
	}
	namespace, name := "", c.Name
	if scope, rest, ok := strings.Cut(c.Name, "/"); ok {
		namespace, name = scope, rest
	}
	return packageurl.NewPackageURL(c.Type, namespace, name, c.Version, nil, "").ToString()
}

// expression is how SPDX writes licences; texts such as "SEE LICENSE IN LICENSE" are none.
var expression = regexp.MustCompile(`^\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*$`)

func (c Component) license() string {
	if c.License == "UNLICENSED" || !expression.MatchString(c.License) {
		return ""
	}
	return c.License
}

// digest gives the strongest algorithm of an integrity, as CycloneDX and SPDX name it, and its digest in hex digits.
func digest(integrity string) (algorithm, value string) {
	for _, name := range []string{"sha512", "sha384", "sha256", "sha1"} {
		for word := range strings.FieldsSeq(integrity) {
			encoded, ok := strings.CutPrefix(word, name+"-")
			if !ok {
				continue
			}
			encoded, _, _ = strings.Cut(encoded, "?")
			if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				return strings.Replace(name, "sha", "SHA", 1), hex.EncodeToString(raw)
			}
		}
	}
	return "", ""
}

// CycloneDX writes the document as CycloneDX 1.6 in JSON.
func (d Document) CycloneDX(out io.Writer) error {
	bom := cdx.NewBOM()
	root := "application"
	bom.Metadata = &cdx.Metadata{
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: d.Tool, Version: d.ToolVersion}}},
		Component: &cdx.Component{BOMRef: root, Type: cdx.ComponentTypeApplication, Name: d.Name, Version: d.Version},
	}
	components, dependencies := []cdx.Component{}, []cdx.Dependency{}
	known := map[string]bool{}
	for _, c := range d.Components {
		known[c.Key] = true
	}
	needs := func(ref string, keys []string) {
		list := []string{}
		for _, key := range keys {
			if known[key] {
				list = append(list, key)
			}
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: ref, Dependencies: &list})
	}
	needs(root, d.Roots)
	for _, c := range d.Components {
		component := cdx.Component{BOMRef: c.Key, Type: cdx.ComponentTypeLibrary, Name: c.Name, Version: c.Version, PackageURL: c.purl(), CPE: c.CPE}
		if c.Runtime {
			component.Type = cdx.ComponentTypePlatform
		}
		if scope, rest, ok := strings.Cut(c.Name, "/"); ok && c.Type == "npm" {
			component.Group, component.Name = scope, rest
		}
		if algorithm, value := digest(c.Integrity); algorithm != "" {
			component.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgorithm(strings.Replace(algorithm, "SHA", "SHA-", 1)), Value: value}}
		}
		if c.Unpinned {
			component.Properties = &[]cdx.Property{{Name: "gantry:pinned", Value: "false"}}
		}
		if c.Signed {
			component.Properties = &[]cdx.Property{{Name: "gantry:registry-signature", Value: "verified"}}
		}
		if license := c.license(); license != "" {
			component.Licenses = &cdx.Licenses{{Expression: license}}
		}
		components = append(components, component)
		needs(c.Key, c.Needs)
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	if err := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write the CycloneDX document: %w", err)
	}
	return nil
}

// epoch stands for the time of creation, which would make every document another.
const epoch = "1980-01-01T00:00:01Z"

// SPDX writes the document as SPDX 2.3 in JSON.
func (d Document) SPDX(out io.Writer) error {
	name := d.Name
	if name == "" {
		name = "application"
	}
	sum := sha256.New()
	ids := map[string]common.ElementID{}
	for i, c := range d.Components {
		ids[c.Key] = common.ElementID(fmt.Sprintf("Package-%d", i+1))
		_, _ = fmt.Fprintf(sum, "%s %s %s\n", c.Key, c.purl(), c.Integrity)
	}
	document := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: name,
		DocumentNamespace: "https://github.com/gantry-buildpack/gantry/spdx/" + hex.EncodeToString(sum.Sum(nil)),
		CreationInfo: &spdx.CreationInfo{
			Created: epoch, Creators: []common.Creator{{CreatorType: "Tool", Creator: d.Tool + "-" + d.ToolVersion}},
		},
	}
	root := &spdx.Package{
		PackageName: name, PackageVersion: d.Version, PackageSPDXIdentifier: "Application", PackageDownloadLocation: "NOASSERTION",
		PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
	}
	document.Packages = append(document.Packages, root)
	relate := func(a common.ElementID, kind string, b common.ElementID) {
		document.Relationships = append(document.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", string(a)), RefB: common.MakeDocElementID("", string(b)), Relationship: kind,
		})
	}
	relate("DOCUMENT", "DESCRIBES", "Application")
	for _, key := range d.Roots {
		if id, known := ids[key]; known {
			relate("Application", "DEPENDS_ON", id)
		}
	}
	for _, c := range d.Components {
		p := &spdx.Package{
			PackageName: c.Name, PackageVersion: c.Version, PackageSPDXIdentifier: ids[c.Key], PackageDownloadLocation: "NOASSERTION",
			PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: "NOASSERTION", PackageCopyrightText: "NOASSERTION",
			PackageExternalReferences: []*spdx.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: c.purl()}},
		}
		if c.Unpinned {
			p.PackageComment = "not pinned by Gantry"
		}
		if c.Signed {
			p.PackageComment = "the registry's signature was verified"
		}
		if license := c.license(); license != "" {
			p.PackageLicenseDeclared = license
		}
		if c.CPE != "" {
			p.PackageExternalReferences = append(p.PackageExternalReferences, &spdx.PackageExternalReference{Category: "SECURITY", RefType: "cpe23Type", Locator: c.CPE})
		}
		if algorithm, value := digest(c.Integrity); algorithm != "" {
			p.PackageChecksums = []common.Checksum{{Algorithm: common.ChecksumAlgorithm(algorithm), Value: value}}
		}
		document.Packages = append(document.Packages, p)
		for _, key := range c.Needs {
			if id, known := ids[key]; known {
				relate(ids[c.Key], "DEPENDS_ON", id)
			}
		}
	}
	var text bytes.Buffer
	if err := json.Write(document, &text); err != nil {
		return fmt.Errorf("write the SPDX document: %w", err)
	}
	_, err := out.Write(text.Bytes())
	return err
}
