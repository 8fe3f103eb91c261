package yarn

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npmtar"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// metadataFile is the one that tells Yarn that a package is whole: METADATA_FILENAME of src/constants.js.
const metadataFile = ".yarn-metadata.json"

// encrypted are hosts that Yarn asks by https alone: REGEX_REGISTRY_ENFORCED_HTTPS of src/registries/npm-registry.js.
var encrypted = lazyregexp.New(`^http://((?:[^/]+\.)?(?:yarnpkg\.com|npmjs\.(?:org|com))/)`)

// Address is where the archive is.
func (a Archive) Address() string { return encrypted().ReplaceAllString(a.URL, "https://$1") }

// Fetch gets the archive into the offline mirror.
func (a Archive) Fetch(ctx context.Context, s prefetch.Store, download prefetch.Download) (int64, error) {
	file := filepath.Join(s.Kept, a.mirrored())
	if fetch.Verify(file, a.checksum()) == nil {
		return 0, nil
	}
	return download(ctx, a.Address(), a.checksum(), file)
}

// Fill unpacks the archive; a package that it cannot make as Yarn would is taken away again.
func (a Archive) Fill(s prefetch.Store) error {
	folder := filepath.Join(s.Scratch, a.folder())
	err := a.unpack(filepath.Join(s.Kept, a.mirrored()), folder)
	if err != nil {
		_ = archive.RemoveAll(folder)
	}
	return err
}

func (a Archive) unpack(file, folder string) error {
	in, err := os.Open(file)
	if err != nil {
		return problem.Unreadable("read the packages that Yarn keeps", err)
	}
	defer func() { _ = in.Close() }()
	// Nothing else makes files in the folder, so that it can have a place of its own on the disk.
	if err := archive.MkdirApart(folder); err != nil {
		return problem.Disk("make "+a.Name, err)
	}
	if err := npmtar.Unpack(in, npmtar.Yarn1, folder); err != nil {
		return err
	}
	if err := makeExecutable(folder); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"artifacts": []string{}, "registry": "npm", "hash": a.SHA1,
		"remote": map[string]string{
			"type": "tarball", "resolved": a.URL + "#" + a.SHA1, "reference": a.URL, "hash": a.SHA1, "integrity": a.Integrity,
			"cacheIntegrity": a.Integrity, "registry": "npm", "packageName": a.Name,
		},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, metadataFile), text, 0o644)
	}
	if err != nil {
		return problem.Disk("make "+a.Name, err)
	}
	return nil
}

// makeExecutable does what Yarn does with the commands of a package: src/fetchers/base-fetcher.js.
func makeExecutable(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return err
	}
	var m struct {
		Bin         json.RawMessage   `json:"bin"`
		Directories struct{ Bin any } `json:"directories"`
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Directories.Bin != nil {
		return npmtar.ErrUnusual
	}
	commands, one := map[string]string{}, ""
	if len(m.Bin) > 0 && json.Unmarshal(m.Bin, &commands) != nil {
		if json.Unmarshal(m.Bin, &one) != nil {
			return npmtar.ErrUnusual
		}
		commands[""] = one
	}
	for _, name := range commands {
		if !filepath.IsLocal(name) {
			return npmtar.ErrUnusual
		}
		err := os.Chmod(filepath.Join(folder, strings.TrimSuffix(name, "/")), 0o755)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return problem.Disk("make "+name+" executable", err)
		}
	}
	return nil
}

// Prune removes from what Yarn 1 keeps the archives that a lockfile does not name any more.
func Prune(list []Archive, s prefetch.Store) error {
	needed := map[string]bool{}
	for _, a := range list {
		needed[a.mirrored()] = true
	}
	return prune(s.Kept, func(name string) bool { return needed[name] })
}

func prune(folder string, needed func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return problem.Unreadable("read the packages that Yarn keeps", err)
	}
	for _, e := range entries {
		if !needed(e.Name()) {
			if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
				return problem.Disk("prune the packages that Yarn keeps", err)
			}
		}
	}
	return nil
}
