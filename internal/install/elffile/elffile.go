// Package elffile takes the symbol table off a program. It is a sixth of Node.js' file, and nothing that runs reads it: the
// dynamic symbols, which stack traces use, stay.
package elffile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Sizes of the structures of 64-bit ELF files: elf(5).
const (
	sectionSize = 64
	// offsetOfTable is where the file's header keeps the place of the table of sections.
	offsetOfTable = 0x28
)

// Strip writes a program without its symbol table and debugging sections to another file, with the same mode. A file that
// is no such program, or is laid out in another way, is left alone: stripped is false, and nothing is written.
func Strip(source, destination string) (stripped bool, err error) {
	in, err := os.Open(source)
	if err != nil {
		return false, err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return false, err
	}
	f, err := elf.NewFile(in)
	if err != nil || f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB {
		return false, nil
	}
	cut, names, ok := layout(f)
	if !ok || appended(in, f, info.Size()) {
		return false, nil
	}
	out, err := os.OpenFile(destination, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return false, err
	}
	err = write(out, in, f, cut, names)
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(destination)
		return false, fmt.Errorf("write %s: %w", destination, err)
	}
	return true, nil
}

// removable reports whether a section is only for debuggers.
func removable(f *elf.File, s *elf.Section) bool {
	if s.Type == elf.SHT_SYMTAB || strings.HasPrefix(s.Name, ".debug_") {
		return true
	}
	return s.Type == elf.SHT_STRTAB && s.Name == ".strtab"
}

// layout finds where the file can be cut off: behind it are only sections to remove, and the names of sections.
func layout(f *elf.File) (cut uint64, names *elf.Section, ok bool) {
	cut = ^uint64(0)
	for _, s := range f.Sections {
		if removable(f, s) && s.Offset > 0 {
			cut = min(cut, s.Offset)
		}
		if s.Type == elf.SHT_STRTAB && s.Name == ".shstrtab" {
			names = s
		}
	}
	if cut == ^uint64(0) || names == nil {
		return 0, nil, false
	}
	for _, p := range f.Progs {
		if p.Off+p.Filesz > cut {
			return 0, nil, false
		}
	}
	for _, s := range f.Sections {
		if s != names && !removable(f, s) && s.Type != elf.SHT_NOBITS && s.Offset+s.FileSize > cut {
			return 0, nil, false
		}
	}
	return cut, names, true
}

// appended reports whether something stands behind all that ELF knows of, as in programs that unpack themselves.
func appended(in io.ReaderAt, f *elf.File, size int64) bool {
	place := make([]byte, 8)
	if _, err := in.ReadAt(place, offsetOfTable); err != nil {
		return true
	}
	end := binary.LittleEndian.Uint64(place) + uint64(len(f.Sections))*sectionSize
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS {
			end = max(end, s.Offset+s.FileSize)
		}
	}
	return uint64(size) > end
}

func write(out io.Writer, in io.ReaderAt, f *elf.File, cut uint64, names *elf.Section) error {
	text, err := names.Data()
	if err != nil {
		return err
	}
	header := make([]byte, sectionSize)
	if _, err := in.ReadAt(header, 0); err != nil {
		return err
	}
	oldTable := binary.LittleEndian.Uint64(header[offsetOfTable:])
	namesAt := cut
	table := (namesAt + uint64(len(text)) + 7) &^ 7
	binary.LittleEndian.PutUint64(header[offsetOfTable:], table)
	sections := make([]byte, len(f.Sections)*sectionSize)
	if _, err := in.ReadAt(sections, int64(oldTable)); err != nil {
		return err
	}
	for i, s := range f.Sections {
		entry := sections[i*sectionSize : (i+1)*sectionSize]
		switch {
		case removable(f, s):
			clear(entry)
		case s == names:
			// sh_offset
			binary.LittleEndian.PutUint64(entry[0x18:], namesAt)
		}
	}
	padding := make([]byte, table-namesAt-uint64(len(text)))
	rest := io.NewSectionReader(in, sectionSize, int64(cut)-sectionSize)
	_, err = io.Copy(out, io.MultiReader(bytes.NewReader(header), rest, bytes.NewReader(text), bytes.NewReader(padding), bytes.NewReader(sections)))
	return err
}

// StripInPlace is Strip for a file that is replaced by what is left of it.
func StripInPlace(file string) error {
	smaller := file + ".stripped"
	stripped, err := Strip(file, smaller)
	if err != nil || !stripped {
		return err
	}
	return os.Rename(smaller, file)
}
