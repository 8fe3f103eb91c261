package audit

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// contents is what an image holds, as far as it is looked at.
type contents struct {
	components []Component
	// roots are what the application itself needs, and needs what each component needs; by the references of the bills of materials.
	roots []string
	needs map[string][]string
	// distribution is the run image's, as OSV names it: "Debian:12"; empty where it is not known.
	distribution string
	files        []Finding
	// bills counts the bills of materials.
	bills int
}

// Sizes in bytes: larger files are no configuration; a bill of materials of 10,000 packages has 8 MB.
const (
	mostText = 1 << 20
	mostBill = 64 << 20
)

// readImage reads an image's layers, from the bottom to the top, once.
func readImage(image v1.Image) (contents, error) {
	c := contents{needs: map[string][]string{}}
	layers, err := image.Layers()
	if err != nil {
		return c, err
	}
	// What a later layer replaces or removes is not in the container. Its bytes are in the image nevertheless: secrets are looked for in all.
	last := map[string]Finding{}
	texts := map[string][]byte{}
	for _, layer := range layers {
		if err := c.readLayer(layer, last, texts); err != nil {
			return c, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := c.readList(name, texts[name]); err != nil {
			return c, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		c.files = append(c.files, last[name])
	}
	config, err := image.ConfigFile()
	if err != nil {
		return c, err
	}
	for _, variable := range config.Config.Env {
		name, value, _ := strings.Cut(variable, "=")
		for _, found := range redact.Find(value) {
			c.files = append(c.files, secret("the variable "+name, found))
		}
	}
	for _, words := range [][]string{config.Config.Entrypoint, config.Config.Cmd} {
		for _, found := range redact.Find(strings.Join(words, " ")) {
			c.files = append(c.files, secret("the image's command", found))
		}
	}
	for _, step := range config.History {
		for _, found := range redact.Find(step.CreatedBy) {
			c.files = append(c.files, secret("the image's history", found))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Config.Labels)) {
		for _, found := range redact.Find(config.Config.Labels[name]) {
			c.files = append(c.files, secret("the label "+name, found))
		}
	}
	return c, nil
}

// readLayer looks at each file of a layer; last are findings by their paths, texts the lists of packages.
func (c *contents) readLayer(layer v1.Layer, last map[string]Finding, texts map[string][]byte) error {
	stream, err := layer.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	archive := tar.NewReader(bufio.NewReaderSize(stream, 1<<20))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a layer of the image: %w", err)
		}
		name := path.Clean("/" + header.Name)
		if removed, is := strings.CutPrefix(path.Base(name), ".wh."); is {
			gone := path.Join(path.Dir(name), removed)
			for known := range last {
				if known == gone || strings.HasPrefix(known, gone+"/") {
					delete(last, known)
				}
			}
			delete(texts, gone)
			continue
		}
		delete(last, name)
		if found, bad := modeOf(name, header); bad {
			last[name] = found
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		switch {
		case isList(name) && header.Size <= mostBill:
			if texts[name], err = io.ReadAll(archive); err != nil {
				return err
			}
		case holdsText(name) && header.Size <= mostText:
			text, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			for _, found := range redact.Find(string(text)) {
				c.files = append(c.files, secret(name, found))
			}
		}
	}
}

// secret is a finding about a credential in a file, variable or label. Its value is not told.
func secret(place string, found redact.Found) Finding {
	f := Finding{Kind: Secret, ID: "secret", Severity: High, Title: "holds what looks like " + found.Kind, Path: place}
	if strings.HasPrefix(place, "/") {
		f.Line = found.Line
	}
	return f
}

// modeOf finds modes that give more than a process needs.
func modeOf(name string, header *tar.Header) (Finding, bool) {
	mode, shown := header.FileInfo().Mode(), fmt.Sprintf("%04o", header.Mode&0o7777)
	switch {
	case header.Typeflag == tar.TypeReg && mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return Finding{Kind: Mode, ID: "set-id", Severity: Low, Title: "runs as its owner, whoever starts it (mode " + shown + ")", Path: name}, true
	case header.Typeflag == tar.TypeReg && mode&0o002 != 0, header.Typeflag == tar.TypeDir && mode&0o002 != 0 && mode&fs.ModeSticky == 0:
		return Finding{Kind: Mode, ID: "writable", Severity: Moderate, Title: "can be written by every user (mode " + shown + ")", Path: name}, true
	}
	return Finding{}, false
}

// isList reports whether a file lists packages: a buildpack's bill of materials, or dpkg's status.
func isList(name string) bool {
	return strings.HasPrefix(name, "/layers/sbom/launch/") && path.Base(name) == "sbom.cdx.json" || name == "/var/lib/dpkg/status" || strings.HasPrefix(name, "/var/lib/dpkg/status.d/") || name == "/etc/os-release" || name == "/usr/lib/os-release"
}

// holdsText reports whether a file is the application's own, or what a buildpack gives its processes.
func holdsText(name string) bool {
	if strings.Contains(name, "/node_modules/") {
		return false
	}
	for _, folder := range applications {
		if strings.HasPrefix(name, folder) {
			return true
		}
	}
	return strings.HasPrefix(name, "/layers/") && strings.Contains(name, "/env")
}

// applications are the folders that images have applications and their users' files in.
var applications = []string{"/workspace/", "/app/", "/usr/src/", "/rails/", "/srv/", "/code/", "/opt/app", "/var/www/", "/home/", "/root/"}
