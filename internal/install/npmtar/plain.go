package npmtar

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// plain watches an archive while it is read, block by block, for what archive/tar and node-tar take for two things: archives of which
// one sees files that the other does not see, or at other places. What npm publish writes is plain.
// The blocks: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06.
type plain struct {
	from io.Reader
	// why is the first thing that is not plain.
	why string

	header [blockSize]byte
	// filled is how much of the header is there; left is what follows of an entry's content, padding is the rest of its last block.
	filled        int
	left, padding int64
	// meta is the content of an entry that describes the next one, and its type; described: such an entry stands before this one.
	meta      []byte
	metaKind  byte
	described bool
	// saidSize is the size that such an entry gives.
	saidSize string
	zeros    int
}

const blockSize = 512

// mostMeta bounds what describes an entry, in bytes.
const mostMeta = 1 << 20

// Read is that of io.Reader.
func (p *plain) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	for rest := b[:n]; len(rest) > 0 && p.why == ""; {
		rest = rest[p.take(rest):]
	}
	return n, err
}

// end says what is not plain about where the archive ends.
func (p *plain) end() string {
	if p.why == "" && (p.filled > 0 || p.left > 0 || p.padding > 0) {
		p.why = "it is cut off"
	}
	if p.why == "" && p.zeros == 0 {
		// An old npm does without its last entry then.
		p.why = "it has no end"
	}
	if p.why == "" && p.described {
		p.why = "it describes an entry that does not follow"
	}
	return p.why
}

func (p *plain) take(b []byte) (n int) {
	switch {
	case p.left > 0:
		n = int(min(p.left, int64(len(b))))
		if p.metaKind != 0 {
			p.meta = append(p.meta, b[:n]...)
		}
		if p.left -= int64(n); p.left == 0 && p.metaKind != 0 {
			p.why = p.describes()
			p.meta, p.metaKind = nil, 0
		}
	case p.padding > 0:
		n = int(min(p.padding, int64(len(b))))
		p.padding -= int64(n)
	default:
		n = copy(p.header[p.filled:], b)
		if p.filled += n; p.filled == blockSize {
			p.filled = 0
			p.why = p.begins()
		}
	}
	return n
}

// begins looks at a header.
func (p *plain) begins() (why string) {
	h := p.header[:]
	if bytes.Count(h, []byte{0}) == blockSize {
		p.zeros++
		return ""
	}
	if p.zeros > 0 {
		return "there is something behind its end"
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(h[124:136]), " \x00"), 8, 64)
	if err != nil || h[124] == '+' || h[124] == '-' {
		return "a size is no octal number"
	}
	posix, gnu, old := string(h[257:265]) == "ustar\x0000", string(h[257:265]) == "ustar  \x00", bytes.Count(h[257:500], []byte{0}) == 500-257
	switch {
	case !posix && !gnu && !old:
		return "a header is of no known form"
	case !posix && bytes.Count(h[345:500], []byte{0}) != 500-345:
		return "a header has a prefix, and is of a form without one"
	}
	kind := h[156]
	name, _, _ := strings.Cut(string(h[:100]), "\x00")
	switch {
	case strings.Contains(name, "//"):
		// npm 9 takes what follows for a place of its own.
		return "a name has an empty part"
	case kind == 'x' || kind == 'g' || kind == 'L':
		if p.described && kind != 'g' || size == 0 || size > mostMeta {
			return "an entry is described twice, or by nothing"
		}
		p.metaKind = kind
		p.described = p.described || kind != 'g'
	case kind != '0' && kind != 0 && kind != '5':
		// What holds no content is passed over by all.
		if size != 0 || p.described || !strings.ContainsRune("12346", rune(kind)) {
			return fmt.Sprintf("an entry is of the type %q", kind)
		}
	case size != 0 && (kind == '5' || strings.HasSuffix(name, "/")):
		return "a folder has content"
	case p.saidSize != "" && p.saidSize != strconv.FormatInt(size, 10):
		return "the size of an entry is said twice, and differs"
	default:
		p.described, p.saidSize = false, ""
	}
	p.left, p.padding = size, (blockSize-size%blockSize)%blockSize
	return ""
}

// usualKeys are those of PAX records with which the files are the same for all programs, besides path; usualPrefixes are those of programs that
// write records for themselves: npm's own of the years before 2017 wrote NODETAR.depth and the like.
var (
	usualKeys     = []string{"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment"}
	usualPrefixes = []string{"LIBARCHIVE.", "SCHILY.", "NODETAR."}
)

// describes looks at what describes the next entry.
func (p *plain) describes() (why string) {
	if p.metaKind == 'L' {
		name := strings.TrimSuffix(string(p.meta), "\x00")
		if name == "" || strings.Contains(name, "\x00") || oddName(name) {
			return "a long name is not one text"
		}
		return ""
	}
	for rest := string(p.meta); rest != ""; {
		digits, _, found := strings.Cut(rest, " ")
		length, err := strconv.Atoi(digits)
		if !found || err != nil || length <= len(digits)+1 || length > len(rest) || rest[length-1] != '\n' {
			return "a PAX record is malformed"
		}
		key, value, found := strings.Cut(rest[len(digits)+1:length-1], "=")
		usual := slices.Contains(usualKeys, key) || slices.ContainsFunc(usualPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
		switch {
		case key == "size" && p.metaKind == 'x' && value != "" && (p.saidSize == "" || p.saidSize == value):
			// Programs take it in place of the header's: it must be the same.
			p.saidSize = value
		case !found, key == "path" && (value == "" || p.metaKind == 'g' || oddName(value)), key != "path" && !usual, key == "mtime" && value == "":
			return fmt.Sprintf("the PAX record %q is not usual", key)
		}
		rest = rest[length:]
	}
	return ""
}

// oddName reports whether a name is read in more than one way.
func oddName(name string) bool {
	return strings.Contains(name, "\x00") || strings.Contains(name, "//") || strings.HasSuffix(name, "/")
}

// isDrive reports whether a name begins, without its first part, as a drive of Windows: npm takes that off everywhere.
func isDrive(name string) bool {
	_, rest, _ := strings.Cut(name, "/")
	rest = strings.TrimLeft(rest, "/")
	return len(rest) > 1 && rest[1] == ':'
}
