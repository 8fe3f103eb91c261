package sourcemap

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// largest bounds a source map's file, in bytes: a larger one takes more time than it helps.
const largest = 256 << 20

// Find reads the source map of a script, which the last comment in it names: "//# sourceMappingURL=app.js.map". It gives
// nil where there is none that can be used.
func Find(script string) *Map {
	file, size, err := openRegular(script)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	at := lastMark(file, size)
	if at < 0 {
		return nil
	}
	address := io.NewSectionReader(file, at, size-at)
	head := make([]byte, 4<<10)
	n, _ := io.ReadFull(address, head)
	text := string(head[:n])
	if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
		text = text[:end]
	}
	if kind, _, inline := strings.Cut(text, ","); inline && strings.HasPrefix(kind, "data:") {
		if !strings.HasSuffix(kind, ";base64") {
			return nil
		}
		encoded := io.NewSectionReader(file, at+int64(len(kind)+1), size)
		return parsed(base64.NewDecoder(base64.StdEncoding, &word{in: bufio.NewReader(encoded)}), script)
	}
	name, err := url.PathUnescape(text)
	if err != nil || text == "" || strings.Contains(name, "://") {
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(script), name)
	}
	mapFile, _, err := openRegular(name)
	if err != nil {
		return nil
	}
	defer func() { _ = mapFile.Close() }()
	return parsed(mapFile, script)
}

func parsed(in io.Reader, script string) *Map {
	m, err := read(in, filepath.Dir(script))
	if err != nil {
		return nil
	}
	return m
}

// openRegular opens a file of the application, which could have put something else there.
func openRegular(name string) (*os.File, int64, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > largest) {
		err = errors.New("it is not a file of a reasonable size")
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// lastMark gives where the last address of a source map in a script begins, -1 where there is none. It reads the script
// from its end: the mark is usually there, unless the whole map stands behind it.
func lastMark(file io.ReaderAt, size int64) int64 {
	const mark, chunk = "sourceMappingURL=", 256 << 10
	buffer := make([]byte, chunk+len(mark))
	for end := size; end > 0; end -= chunk {
		start := max(0, end-chunk)
		part := buffer[:min(size, end+int64(len(mark)))-start]
		if _, err := file.ReadAt(part, start); err != nil && !errors.Is(err, io.EOF) {
			return -1
		}
		for at := bytes.LastIndex(part, []byte(mark)); at >= 0; at = bytes.LastIndex(part[:at], []byte(mark)) {
			// A script may hold the words as text; the comment stands at the start of a line.
			before := bytes.TrimRight(part[:at], " ")
			if bytes.HasSuffix(before, []byte("//#")) || bytes.HasSuffix(before, []byte("//@")) {
				return start + int64(at+len(mark))
			}
		}
	}
	return -1
}

// word reads up to the first white space.
type word struct {
	in   *bufio.Reader
	over bool
}

func (w *word) Read(into []byte) (int, error) {
	if w.over {
		return 0, io.EOF
	}
	n, err := w.in.Read(into)
	if end := bytes.IndexAny(into[:n], " \t\r\n"); end >= 0 {
		w.over = true
		return end, nil
	}
	return n, err
}
