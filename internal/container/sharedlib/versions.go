package sharedlib

import (
	"encoding/binary"
	"os"
	"slices"
)

// Of 64-bit ELF files, by elf(5) and the Linux Standard Base, "Symbol Versioning"
// (https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html).
const (
	headerSize, sectionSize = 64, 64
	// versionDefinitions is the type of the section with the versions that a library defines (SHT_GNU_verdef).
	versionDefinitions = 0x6ffffffd
	definitionSize     = 20
	// largest is more than any library's sections of this kind have.
	largest = 1 << 22
)

// defines reports whether a library defines a version of its symbols. One that defines none, or cannot be read, lets
// everything pass, as the loader does. The versions are compared by the hashes that stand in the file, so that little of
// it is read: this is part of every container start, and the standard library's reader takes milliseconds.
func defines(file, version string) bool {
	hashes := definitions(file)
	return len(hashes) == 0 || slices.Contains(hashes, hash(version))
}

// definitions are the hashes of the versions that a library defines.
func definitions(file string) []uint32 {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	read := func(offset, size uint64) []byte {
		if offset > 1<<40 || size > largest {
			return nil
		}
		content := make([]byte, size)
		if _, err := f.ReadAt(content, int64(offset)); err != nil {
			return nil
		}
		return content
	}
	header := read(0, headerSize)
	if header == nil || string(header[:6]) != "\x7fELF\x02\x01" {
		return nil
	}
	sections := read(binary.LittleEndian.Uint64(header[0x28:]), sectionSize*uint64(binary.LittleEndian.Uint16(header[0x3c:])))
	for section := range slices.Chunk(sections, sectionSize) {
		if binary.LittleEndian.Uint32(section[4:]) != versionDefinitions {
			continue
		}
		return hashesIn(read(binary.LittleEndian.Uint64(section[0x18:]), binary.LittleEndian.Uint64(section[0x20:])))
	}
	return nil
}

// hashesIn reads a section of definitions, which are a list whose items say how far the next is.
func hashesIn(list []byte) (hashes []uint32) {
	for len(list) >= definitionSize {
		hashes = append(hashes, binary.LittleEndian.Uint32(list[8:]))
		next := binary.LittleEndian.Uint32(list[16:])
		if next < definitionSize || int(next) > len(list) {
			break
		}
		list = list[next:]
	}
	return hashes
}

// hash is the System V ABI's hash of a name.
func hash(name string) (h uint32) {
	for _, b := range []byte(name) {
		h = h<<4 + uint32(b)
		top := h & 0xf0000000
		h = (h ^ top>>24) &^ top
	}
	return h
}
