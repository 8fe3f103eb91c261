package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/package-url/packageurl-go"
	"golang.org/x/sync/errgroup"
	"pault.ag/go/debian/deb"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Package is a binary package of an archive.
type Package struct {
	Name, Version, Architecture string
	fields                      paragraph
	archive                     string
}

// File is where the package is downloaded from, with its checksum.
func (p Package) File() fetch.File {
	return fetch.File{URL: p.archive + "/" + p.fields.get("Filename"), Checksum: "sha256:" + p.fields.get("SHA256")}
}

// Source is the name of the source package, by which security advisories name packages.
func (p Package) Source() string {
	name, _, _ := strings.Cut(p.fields.get("Source"), " ")
	if name == "" {
		return p.Name
	}
	return name
}

// PURL is the package's URL: https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md.
func (p Package) PURL(d Distribution) string {
	return PURL(d.ID, d.VersionID, p.Name, p.Version, p.Architecture, p.Source())
}

// PURL is the URL of a package of a distribution, by its name, version, architecture and source package.
func PURL(id, release, name, version, arch, source string) string {
	qualifiers := packageurl.QualifiersFromMap(map[string]string{"arch": arch, "distro": id + "-" + release, "upstream": source})
	return packageurl.NewPackageURL("deb", id, name, version, qualifiers, "").ToString()
}

// Index is what the archives of a distribution have.
type Index struct {
	Distribution Distribution
	// Date is that of the newest of the suites.
	Date time.Time
	// Stale is why the index is not today's, where the archives could not be reached and an index was kept; otherwise empty.
	Stale string
	// packages are all versions by name, providers the packages that provide a virtual one.
	packages  map[string][]Package
	providers map[string][]string
}

// ReadIndex gets the index of a distribution, verified; dir keeps it. Without a network, a kept index is used, however old.
func ReadIndex(ctx context.Context, d Distribution, client downloader, dir string, now time.Time) (*Index, error) {
	return readIndex(ctx, d, client, dir, now, archive.ring)
}

// readIndex has the keys as a parameter, for tests.
func readIndex(ctx context.Context, d Distribution, client downloader, dir string, now time.Time, keys ringOf) (*Index, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, problem.Disk("make the folder of the package index", err)
	}
	index := &Index{Distribution: d, packages: map[string][]Package{}, providers: map[string][]string{}}
	releases, stale, err := readReleases(ctx, d, client, dir, now, keys)
	if err != nil {
		return nil, err
	}
	index.Stale = stale
	texts := make([][]byte, len(releases))
	group, downloads := errgroup.WithContext(ctx)
	for i, r := range releases {
		if r.date.After(index.Date) {
			index.Date = r.date
		}
		group.Go(func() (err error) {
			texts[i], err = r.packages(downloads, client, dir, d.Arch)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, text := range texts {
		index.add(d.archives[i].url, text)
	}
	return index, nil
}

// ringOf gives the keys of an archive.
type ringOf = func(archive) (openpgp.EntityList, error)

// readReleases gets the InRelease files of all suites. stale says why kept ones were taken.
func readReleases(ctx context.Context, d Distribution, client downloader, dir string, now time.Time, keys ringOf) (list []release, stale string, err error) {
	list = make([]release, len(d.archives))
	notes := make([]string, len(d.archives))
	group, ctx := errgroup.WithContext(ctx)
	for i, a := range d.archives {
		group.Go(func() (err error) {
			list[i], notes[i], err = a.release(ctx, client, dir, now, keys)
			return err
		})
	}
	err = group.Wait()
	for _, note := range notes {
		if note != "" {
			stale = note
		}
	}
	return list, stale, err
}

// release gets the InRelease file of a suite, or takes the kept one where there is no network.
func (a archive) release(ctx context.Context, client downloader, dir string, now time.Time, keys ringOf) (r release, stale string, err error) {
	ring, err := keys(a)
	if err != nil {
		return release{}, "", err
	}
	kept := filepath.Join(dir, path.Base(a.url)+"-"+a.suite+".InRelease")
	text, failed := client.Text(ctx, fetch.File{URL: a.address("InRelease")})
	if failed != nil {
		if text, err = os.ReadFile(kept); err != nil || !fetch.IsUnavailable(failed) {
			return release{}, "", failed
		}
		r, err = a.readRelease(text, ring, now, true)
		return r, problem.As(failed).Title, err
	}
	if r, err = a.readRelease(text, ring, now, false); err != nil {
		return release{}, "", err
	}
	return r, "", writeFile(kept, text)
}

// writeFile writes a file whole or not at all.
func writeFile(name string, text []byte) error {
	partial := name + ".partial"
	err := os.WriteFile(partial, text, 0o644)
	if err == nil {
		err = os.Rename(partial, name)
	}
	if err != nil {
		return problem.Disk("keep the package index", err)
	}
	return nil
}

// packages gets the list of a suite's packages. Mirrors replace the list before or after the InRelease file: a file by its digest
// is always the one that belongs to it (https://wiki.debian.org/DebianRepository/Format#indices_acquisition_via_hashsums_.28by-hash.29).
func (r release) packages(ctx context.Context, client downloader, dir, arch string) ([]byte, error) {
	name := r.archive.component + "/binary-" + arch + "/Packages.gz"
	if r.sums[name] == "" {
		// All suites have this one. The other takes a third of the time to unpack.
		name = strings.TrimSuffix(name, ".gz") + ".xz"
	}
	sum := r.sums[name]
	if sum == "" {
		return nil, r.archive.unreadable("it lists no "+name, nil)
	}
	kept := filepath.Join(dir, sum+path.Ext(name))
	if text, err := readPackages(kept, sum); err == nil {
		return text, nil
	}
	file := fetch.File{URL: r.archive.address(path.Dir(name) + "/by-hash/SHA256/" + sum), Checksum: "sha256:" + sum}
	_, _, err := client.Save(ctx, file, kept)
	if fetch.IsUnavailable(err) {
		file.URL = r.archive.address(name)
		_, _, err = client.Save(ctx, file, kept)
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.ID == "fetch/checksum" {
		return nil, r.archive.halfSynchronised(p)
	}
	if err != nil {
		return nil, err
	}
	text, err := readPackages(kept, sum)
	if err != nil {
		return nil, problem.Unreadable("read the package index", err)
	}
	return text, nil
}

func (a archive) halfSynchronised(p *problem.Problem) error {
	return &problem.Problem{
		ID:    "packages/half-synchronised",
		Title: "the package index " + a.suite + " and its list of packages do not belong together",
		Where: problem.Position{File: a.address("InRelease")},
		Why:   p.Why + ": the mirror is just being updated, or is broken",
		Hints: []string{"Build again in some minutes, or use another mirror (BP_DEPENDENCY_MIRROR)."},
		Err:   p,
	}
}

// maxIndex bounds the list of a suite's packages, in bytes.
const maxIndex = 512 << 20

// readPackages reads a kept list, whose file must have a digest.
func readPackages(file, sum string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if digest(content) != sum {
		return nil, errors.New("the file is damaged")
	}
	zipped, err := deb.DecompressorFor(filepath.Ext(file))(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(zipped, maxIndex))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// add puts the packages of a suite into the index.
func (x *Index) add(url string, text []byte) {
	for _, fields := range paragraphs(text) {
		line, _, _ := bytes.Cut(fields, []byte("\n"))
		name, ok := bytes.CutPrefix(line, []byte("Package: "))
		if !ok {
			name = []byte(fields.get("Package"))
		}
		p := Package{Name: string(name), fields: fields, archive: url}
		x.packages[p.Name] = append(x.packages[p.Name], p)
		if !bytes.Contains(fields, []byte("\nProvides:")) {
			continue
		}
		for _, provided := range provides(fields) {
			x.providers[provided.name] = append(x.providers[provided.name], p.Name)
		}
	}
}
