package debian

import (
	"archive/tar"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"path"
	"slices"
	"strings"
)

// loaderCache is where the dynamic loader looks for libraries first: ld.so(8).
const loaderCache = "etc/ld.so.cache"

// library is a file in a folder of libraries: own is the name that it has itself, target where it leads if it is a link.
type library struct{ name, file, own, target string }

// libraryFolders are those that the loader looks into, as ldconfig lists them.
func libraryFolders(arch string) []string {
	triplet := tripletOf(arch)
	return []string{"usr/local/lib/" + triplet, "usr/local/lib", "usr/lib/" + triplet, "usr/lib"}
}

// cacheFlags say for which architecture and C library an entry is: FLAG_ELF_LIBC6 with FLAG_X8664_LIB64 or FLAG_AARCH64_LIB64 of
// glibc's sysdeps/generic/ldconfig.h.
var cacheFlags = map[string]int32{"amd64": 0x0303, "arm64": 0x0a03}

// libraryOf gives the library that an entry is.
func libraryOf(name string, e entry, arch string) (library, bool) {
	base := path.Base(name)
	if !slices.Contains(libraryFolders(arch), path.Dir(name)) || !strings.Contains(base, ".so") || !strings.HasPrefix(base, "lib") && !strings.HasPrefix(base, "ld-") {
		return library{}, false
	}
	// ldconfig finds them through the links /lib and /lib64.
	l := library{name: base, file: strings.TrimPrefix("/"+name, "/usr")}
	if strings.HasPrefix(name, "usr/local/") {
		l.file = "/" + name
	}
	if e.header.Typeflag == tar.TypeSymlink {
		l.target = path.Base(e.header.Linkname)
		return l, true
	}
	file, err := elf.NewFile(bytes.NewReader(e.body))
	if err != nil {
		return library{}, false
	}
	own, err := file.DynString(elf.DT_SONAME)
	if err != nil || len(own) == 0 {
		return library{}, false
	}
	l.own = own[0]
	return l, true
}

// listed gives the libraries that ldconfig lists: those that have their own name, links of that name, and those for the linker.
func listed(libraries []library) []library {
	own := map[string]string{}
	for _, l := range libraries {
		own[l.name] = l.own
	}
	return slices.DeleteFunc(slices.Clone(libraries), func(l library) bool {
		if l.target == "" {
			return l.own != l.name
		}
		return own[l.target] != l.name && !(own[l.target] != "" && strings.HasSuffix(l.name, ".so"))
	})
}

// loaderCache writes the loader's cache in the format of glibc 2.2 and later: elf/dl-cache.h and sysdeps/generic/dl-cache.h.
func (w *systemWriter) loaderCache() error {
	if len(w.libraries) == 0 {
		return nil
	}
	return w.file(loaderCache, 0o644, 0, cacheOf(listed(w.libraries), w.arch))
}

func cacheOf(libraries []library, arch string) []byte {
	const headerSize, entrySize = 48, 24
	order := libraryFolders(arch)
	slices.SortStableFunc(libraries, func(a, b library) int {
		return cmp.Or(compareLibraries(b.name, a.name), cmp.Compare(slices.Index(order, "usr"+path.Dir(a.file)), slices.Index(order, "usr"+path.Dir(b.file))))
	})
	var names, entries bytes.Buffer
	start := headerSize + entrySize*len(libraries)
	place := func(text string) uint32 {
		at := start + names.Len()
		names.WriteString(text + "\x00")
		return uint32(at)
	}
	for _, l := range libraries {
		_ = binary.Write(&entries, binary.LittleEndian, struct {
			Flags      int32
			Key, Value uint32
			OS         uint32
			Hwcap      uint64
		}{cacheFlags[arch], place(l.name), place(l.file), 0, 0})
	}
	header := struct {
		Magic             [17]byte
		Version           [3]byte
		Libraries, Length uint32
		Flags             uint8
		_                 [3]byte
		Extension         uint32
		_                 [3]uint32
	}{Libraries: uint32(len(libraries)), Length: uint32(names.Len()), Flags: 2}
	copy(header.Magic[:], "glibc-ld.so.cache")
	copy(header.Version[:], "1.1")
	var out bytes.Buffer
	_ = binary.Write(&out, binary.LittleEndian, header)
	out.Write(entries.Bytes())
	out.Write(names.Bytes())
	return out.Bytes()
}

// compareLibraries is _dl_cache_libcmp of glibc's elf/dl-cache.c: numbers in names count as numbers, and come after other characters.
func compareLibraries(a, b string) int {
	digit := func(text string) bool { return text != "" && text[0] >= '0' && text[0] <= '9' }
	for a != "" {
		switch {
		case digit(a) && digit(b):
			x, y := 0, 0
			for ; digit(a); a = a[1:] {
				x = x*10 + int(a[0]-'0')
			}
			for ; digit(b); b = b[1:] {
				y = y*10 + int(b[0]-'0')
			}
			if x != y {
				return cmp.Compare(x, y)
			}
		case digit(a):
			return 1
		case digit(b):
			return -1
		case b == "" || a[0] != b[0]:
			if b == "" {
				return 1
			}
			return cmp.Compare(int8(a[0]), int8(b[0]))
		default:
			a, b = a[1:], b[1:]
		}
	}
	if b != "" {
		return -1
	}
	return 0
}
