package yarn

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// cacheFolder is the cache in the global folder: https://yarnpkg.com/configuration/yarnrc#globalFolder.
const cacheFolder = "cache"

func (l Locator) place(s prefetch.Store) string { return filepath.Join(s.Kept, cacheFolder, l.file()) }

// Address is where the package is.
func (l Locator) Address() string { return l.URL }

// Fetch gets the package next to the archive that is made of it.
func (l Locator) Fetch(ctx context.Context, s prefetch.Store, download prefetch.Download) (int64, error) {
	file := l.place(s)
	if fetch.Verify(file, l.checksum()) == nil {
		return 0, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return 0, problem.Disk("make Yarn's cache", err)
	}
	// The lockfile knows the checksum of the archive that is made of it.
	return download(ctx, l.URL, "", file+".tgz")
}

// Fill makes the archive. Only one that is as the lockfile says is kept.
func (l Locator) Fill(s prefetch.Store) error {
	file := l.place(s)
	in, err := os.Open(file + ".tgz")
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return problem.Unreadable("read "+l.Name, err)
	}
	defer func() {
		_ = in.Close()
		_ = os.Remove(file + ".tgz")
		_ = os.Remove(file + ".partial")
	}()
	if err := convert(in, file+".partial", "node_modules/"+l.Name); err != nil {
		return err
	}
	if err := fetch.Verify(file+".partial", l.checksum()); err != nil {
		return err
	}
	if err := os.Rename(file+".partial", file); err != nil {
		return problem.Disk("keep "+l.Name, err)
	}
	return nil
}

// zipped writes a ZIP archive as libzip does for Yarn, byte for byte: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
// Go's own writer describes entries behind their content.
type zipped struct {
	out       *bufio.Writer
	written   int64
	directory []byte
	entries   uint16
	folders   map[string]bool
	// content is that of one file.
	content []byte
}

// The modification time of all entries, Yarn's SAFE_TIME, and who has made the archive: Unix, version 6.3.
const (
	modifiedTime, modifiedDate = 0xae40, 0x08d6
	madeBy                     = 0x033f
)

// convert makes a ZIP archive out of a package's, whose first folder becomes prefix: convertToZip of
// packages/yarnpkg-core/sources/tgzUtils.ts.
func convert(tgz io.Reader, file, prefix string) error {
	unzipped, err := gzip.NewReader(bufio.NewReaderSize(tgz, 64<<10))
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return problem.Disk("write "+filepath.Base(file), err)
	}
	z := &zipped{out: bufio.NewWriterSize(out, 256<<10), folders: map[string]bool{".": true}}
	err = z.copy(tar.NewReader(unzipped), prefix)
	if err == nil {
		err = z.end()
	}
	if closed := out.Close(); err == nil && closed != nil {
		err = problem.Disk("write "+filepath.Base(file), closed)
	}
	return err
}

func (z *zipped) copy(from *tar.Reader, prefix string) error {
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, rest, found := strings.Cut(path.Clean(header.Name), "/")
		if !found || strings.HasPrefix(header.Name, "/") {
			continue
		}
		name := path.Join(prefix, rest)
		switch header.Typeflag {
		case tar.TypeDir:
			err = z.folder(name)
		case tar.TypeReg:
			if err = z.folder(path.Dir(name)); err == nil {
				err = z.file(name, header, from)
			}
		case tar.TypeXGlobalHeader:
		default:
			err = fmt.Errorf("%s is no file", header.Name)
		}
		if err != nil {
			return err
		}
	}
}

// folder adds a folder, and those above it.
func (z *zipped) folder(name string) error {
	if z.folders[name] {
		return nil
	}
	z.folders[name] = true
	if err := z.folder(path.Dir(name)); err != nil {
		return err
	}
	return z.entry(name+"/", 0o040755, 20, nil)
}

// A file is held in memory; of large ones, one at a time. Those beyond largest are left to Yarn.
const (
	large   = 1 << 20
	largest = 64 << 20
)

var oneAtATime sync.Mutex

func (z *zipped) file(name string, header *tar.Header, from io.Reader) error {
	if header.Size > largest {
		return fmt.Errorf("%s is too large", name)
	}
	if header.Size > large {
		oneAtATime.Lock()
		defer oneAtATime.Unlock()
		defer func() { z.content = nil }()
	}
	if int64(cap(z.content)) < header.Size {
		z.content = make([]byte, header.Size)
	}
	content := z.content[:header.Size]
	if _, err := io.ReadFull(from, content); err != nil {
		return err
	}
	mode := uint32(0o100644)
	if header.Mode&0o111 != 0 {
		mode = 0o100755
	}
	return z.entry(name, mode, 10, content)
}

// entry adds a file or folder; needed is the version of the format that it needs.
func (z *zipped) entry(name string, mode uint32, needed uint16, content []byte) error {
	at := z.written
	// What both headers say.
	var common []byte
	for _, value := range []uint16{needed, 0, 0, modifiedTime, modifiedDate} {
		common = binary.LittleEndian.AppendUint16(common, value)
	}
	for _, value := range []uint32{crc32.ChecksumIEEE(content), uint32(len(content)), uint32(len(content))} {
		common = binary.LittleEndian.AppendUint32(common, value)
	}
	common = binary.LittleEndian.AppendUint16(common, uint16(len(name)))
	common = binary.LittleEndian.AppendUint16(common, 0)

	z.directory = append(z.directory, "PK\x01\x02"...)
	z.directory = binary.LittleEndian.AppendUint16(z.directory, madeBy)
	z.directory = append(z.directory, common...)
	// Its comment's length, its disk, and its internal attributes.
	z.directory = append(z.directory, 0, 0, 0, 0, 0, 0)
	z.directory = binary.LittleEndian.AppendUint32(z.directory, mode<<16)
	z.directory = binary.LittleEndian.AppendUint32(z.directory, uint32(at))
	z.directory = append(z.directory, name...)
	z.entries++
	return z.write([]byte("PK\x03\x04"), common, []byte(name), content)
}

func (z *zipped) write(parts ...[]byte) error {
	for _, part := range parts {
		n, err := z.out.Write(part)
		z.written += int64(n)
		if err != nil {
			return problem.Disk("write Yarn's cache", err)
		}
	}
	return nil
}

// end writes the list of all entries.
func (z *zipped) end() error {
	tail := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	tail = binary.LittleEndian.AppendUint16(tail, z.entries)
	tail = binary.LittleEndian.AppendUint16(tail, z.entries)
	tail = binary.LittleEndian.AppendUint32(tail, uint32(len(z.directory)))
	tail = binary.LittleEndian.AppendUint32(tail, uint32(z.written))
	if err := z.write(z.directory, tail, []byte{0, 0}); err != nil {
		return err
	}
	if err := z.out.Flush(); err != nil {
		return problem.Disk("write Yarn's cache", err)
	}
	return nil
}
