package pnpm

import (
	"archive/tar"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gantry-buildpack/gantry/internal/install/npmtar"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Address is where the package's archive is.
func (p Package) Address() string { return p.URL }

// archived is the package's archive until it is in the store.
func (p Package) archived(s prefetch.Store) string {
	return filepath.Join(s.Scratch, p.digest()+".tgz")
}

// Fetch gets the archive, unless the package is in the store.
func (p Package) Fetch(ctx context.Context, s prefetch.Store, download prefetch.Download) (int64, error) {
	if _, err := os.Stat(filepath.Join(s.Kept, p.list())); err == nil {
		return 0, nil
	}
	if err := os.MkdirAll(s.Scratch, 0o755); err != nil {
		return 0, problem.Disk("make pnpm's store", err)
	}
	return download(ctx, p.URL, p.Integrity, p.archived(s))
}

// Fill unpacks the archive into the store: addTarballToStore of pnpm's worker.
func (p Package) Fill(s prefetch.Store) error {
	in, err := os.Open(p.archived(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return problem.Unreadable("read "+p.Name, err)
	}
	defer func() {
		_ = in.Close()
		_ = os.Remove(p.archived(s))
	}()
	u := buffers.Get().(*unpacking)
	defer buffers.Put(u)
	u.root, u.temporary = filepath.Join(s.Kept, string(p.Layout)), filepath.Join(s.Scratch, p.digest()+".partial")
	u.list, u.manifest = list{Files: map[string]file{}}, nil
	if err := npmtar.Each(in, u.entry); err != nil {
		return err
	}
	if err := u.describe(p); err != nil {
		return err
	}
	text, err := json.Marshal(u.list)
	if err == nil {
		err = write(filepath.Join(s.Kept, p.list()), text, 0o666)
	}
	if err != nil {
		return problem.Unreadable("list the files of "+p.Name, err)
	}
	return nil
}

// list is a package's list of files: PackageFilesIndex of store/cafs/src/checkPkgFilesIntegrity.ts.
type list struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// RequiresBuild: it has install scripts. pnpm 8 has that in its lockfile.
	RequiresBuild bool `json:"requiresBuild"`
	// Files are by their names in the package.
	Files map[string]file `json:"files"`
	// SideEffects are what install scripts made, by where they ran: files by their names or, since pnpm 10, those by kinds of
	// change.
	SideEffects map[string]map[string]json.RawMessage `json:"sideEffects,omitempty"`
}

type file struct {
	// CheckedAt is in milliseconds since 1970.
	CheckedAt int64  `json:"checkedAt"`
	Integrity string `json:"integrity"`
	Mode      int64  `json:"mode"`
	Size      int64  `json:"size"`
}

// place is where the file is in a store.
func (f file) place() string {
	sum, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(f.Integrity, "sha512-"))
	if len(sum) != sha512.Size {
		return ""
	}
	return f.named(sum)
}

func (f file) named(sum []byte) string {
	name := place(hex.EncodeToString(sum))
	if f.Mode&0o111 != 0 {
		name += executable
	}
	return name
}

// unpacking is the way of one package into a store.
type unpacking struct {
	root, temporary string
	list            list
	manifest        []byte
	// content is that of one file.
	content []byte
}

// Files up to this size are held in memory, so that one that is in the store already is not written.
const small = 256 << 10

var buffers = sync.Pool{New: func() any { return &unpacking{content: make([]byte, small)} }}

// entry puts one file into the store. pnpm leaves folders and symbolic links out.
func (u *unpacking) entry(header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir, tar.TypeSymlink:
		return nil
	case tar.TypeXGlobalHeader:
		if header.PAXRecords["path"]+header.PAXRecords["size"] == "" {
			return nil
		}
		return npmtar.ErrUnusual
	case tar.TypeReg:
	default:
		return npmtar.ErrUnusual
	}
	first, name, _ := strings.Cut(header.Name, "/")
	if first == "" || first == "." || !filepath.IsLocal(name) || strings.Contains("/"+name+"/", "/../") || strings.Contains(name, `\`) {
		return npmtar.ErrUnusual
	}
	// Of a file that stands twice, as main files do in what "pnpm pack" makes, the last is taken.
	if name = path.Clean(name); name == "." {
		return npmtar.ErrUnusual
	}
	f := file{Mode: header.Mode, Size: header.Size}
	if err := u.add(&f, content); err != nil {
		return err
	}
	f.CheckedAt = time.Now().UnixMilli()
	u.list.Files[name] = f
	if name == "package.json" && f.Size <= small {
		u.manifest = append([]byte{}, u.content[:f.Size]...)
	}
	return nil
}

func (u *unpacking) add(f *file, content io.Reader) error {
	if f.Size > small {
		return u.addLarge(f, content)
	}
	text := u.content[:f.Size]
	if _, err := io.ReadFull(content, text); err != nil {
		return err
	}
	sum := sha512.Sum512(text)
	f.Integrity = integrity(sum[:])
	err := write(filepath.Join(u.root, f.named(sum[:])), text, f.permissions())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return problem.Disk("write pnpm's store", err)
	}
	return nil
}

func integrity(sum []byte) string { return "sha512-" + base64.StdEncoding.EncodeToString(sum) }

// permissions are those of addBufferToCafs.
func (f *file) permissions() fs.FileMode {
	if f.Mode&0o111 != 0 {
		return 0o755
	}
	return 0o666
}

// write makes a file that is not there.
func write(name string, text []byte, mode fs.FileMode) error {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		out, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return errors.Join(err, out.Close())
}

// addLarge writes a file before it knows its name.
func (u *unpacking) addLarge(f *file, content io.Reader) error {
	out, err := os.OpenFile(u.temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, f.permissions())
	if err != nil {
		return problem.Disk("write pnpm's store", err)
	}
	sum := sha512.New()
	err = copyInto(out, sum, content, u.content)
	if closed := out.Close(); err == nil && closed != nil {
		err = problem.Disk("write pnpm's store", closed)
	}
	if err != nil {
		_ = os.Remove(u.temporary)
		return err
	}
	f.Integrity = integrity(sum.Sum(nil))
	name := filepath.Join(u.root, f.named(sum.Sum(nil)))
	err = os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.Rename(u.temporary, name)
	}
	if err != nil {
		return problem.Disk("write pnpm's store", err)
	}
	return nil
}

// copyInto tells what cannot be read from what cannot be written.
func copyInto(out io.Writer, sum hash.Hash, content io.Reader, buffer []byte) error {
	for {
		n, err := content.Read(buffer)
		sum.Write(buffer[:n])
		if _, failed := out.Write(buffer[:n]); failed != nil {
			return problem.Disk("write pnpm's store", failed)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// describe fills in what package.json says. pnpm refuses a package that has another name.
func (u *unpacking) describe(p Package) error {
	// Names of fields are exact, which encoding/json does not care for in structures.
	var manifest, scripts map[string]json.RawMessage
	if json.Unmarshal(u.manifest, &manifest) != nil || json.Unmarshal(manifest["name"], &u.list.Name) != nil || json.Unmarshal(manifest["version"], &u.list.Version) != nil {
		return npmtar.ErrUnusual
	}
	if u.list.Name != p.Name || u.list.Version != p.Version {
		return npmtar.ErrUnusual
	}
	if text, there := manifest["scripts"]; there && json.Unmarshal(text, &scripts) != nil {
		return npmtar.ErrUnusual
	}
	// pkgRequiresBuild of exec/pkg-requires-build.
	for _, script := range []string{"preinstall", "install", "postinstall"} {
		text, there := scripts[script]
		u.list.RequiresBuild = u.list.RequiresBuild || there && string(text) != `""` && string(text) != "null"
	}
	for name := range u.list.Files {
		u.list.RequiresBuild = u.list.RequiresBuild || name == "binding.gyp" || strings.HasPrefix(name, ".hooks/")
	}
	return nil
}
