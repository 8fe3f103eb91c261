package debian

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"pault.ag/go/debian/deb"
)

// contents is what a package has: the files of its archive deb(5).
type contents struct {
	entries []entry
	// postinst is the script that dpkg runs after unpacking.
	postinst string
}

// entry is a file of a package.
type entry struct {
	header *tar.Header
	body   []byte
}

// maxEntry bounds one file of a package, in bytes.
const maxEntry = 1 << 30

// readDeb reads a package's archive. keep chooses files by their names, which have no slash at their beginning.
func readDeb(file string, keep func(name string) bool) (c contents, err error) {
	in, err := os.Open(file)
	if err != nil {
		return c, err
	}
	defer func() { _ = in.Close() }()
	members, err := deb.LoadAr(in)
	if err != nil {
		return c, err
	}
	for {
		member, err := members.Next()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		switch {
		case strings.HasPrefix(member.Name, "control.tar"):
			var control contents
			if control.entries, err = readTar(member, func(name string) bool { return name == "postinst" }); err == nil && len(control.entries) > 0 {
				c.postinst = string(control.entries[0].body)
			}
		case strings.HasPrefix(member.Name, "data.tar"):
			c.entries, err = readTar(member, keep)
		}
		if err != nil {
			return c, fmt.Errorf("read %s of the package: %w", member.Name, err)
		}
	}
}

func readTar(member *deb.ArEntry, keep func(name string) bool) (list []entry, err error) {
	reader, closer, err := member.Tarfile()
	if err != nil {
		return nil, err
	}
	defer func() { _ = closer.Close() }()
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		name := merged(header.Name)
		if name == "." || !keep(name) {
			continue
		}
		if header.Name = name; header.Typeflag == tar.TypeLink {
			header.Linkname = merged(header.Linkname)
		}
		one := entry{header: header}
		if header.Typeflag == tar.TypeReg {
			if header.Size > maxEntry {
				return nil, fmt.Errorf("%s is larger than a file of a package may be", name)
			}
			if one.body, err = io.ReadAll(reader); err != nil {
				return nil, err
			}
		}
		list = append(list, one)
	}
}

// mergedFolders are links to folders of the same name in /usr: https://wiki.debian.org/UsrMerge.
var mergedFolders = []string{"bin", "lib", "lib64", "sbin"}

// merged gives the place of a package's file in a system in which /bin, /lib and /sbin are links into /usr.
func merged(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for _, folder := range mergedFolders {
		if name == folder || strings.HasPrefix(name, folder+"/") {
			return "usr/" + name
		}
	}
	if name == "" {
		return "."
	}
	return name
}
