package sourcemap

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// largest bounds a source map's file, in bytes: a larger one costs more memory than it helps.
const largest = 64 << 20

// tail is how much of a script's end is searched for the comment that names its map, in bytes. A map that is part of the
// script is found as well, up to largest.
const tail = 4 << 10

// Find reads the source map of a script, which the last comment in it names: "//# sourceMappingURL=app.js.map". It gives
// nil where there is none that can be used.
func Find(script string) *Map {
	address := addressOf(script)
	if address == "" {
		return nil
	}
	var text []byte
	if data, inline := strings.CutPrefix(address, "data:"); inline {
		kind, encoded, _ := strings.Cut(data, ",")
		if !strings.HasSuffix(kind, ";base64") {
			return nil
		}
		text, _ = base64.StdEncoding.DecodeString(encoded)
	} else {
		name, err := url.PathUnescape(address)
		if err != nil || strings.Contains(name, "://") {
			return nil
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(script), name)
		}
		text = readUpTo(name, largest)
	}
	m, err := Parse(text, filepath.Dir(script))
	if err != nil {
		return nil
	}
	return m
}

func addressOf(script string) string {
	text := readEnd(script, tail)
	const mark = "sourceMappingURL="
	at := bytes.LastIndex(text, []byte(mark))
	if at < 0 {
		// The whole map may stand behind the mark, farther from the end.
		text = readUpTo(script, largest)
		if at = bytes.LastIndex(text, []byte("\n//# "+mark)); at < 0 {
			return ""
		}
		at += len("\n//# ")
	}
	address := text[at+len(mark):]
	if end := bytes.IndexAny(address, " \t\r\n"); end >= 0 {
		address = address[:end]
	}
	return string(address)
}

func readEnd(name string, size int64) []byte {
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > size {
		_, _ = file.Seek(-size, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(file, size))
	return text
}

func readUpTo(name string, size int64) []byte {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > size {
		return nil
	}
	text, _ := os.ReadFile(name)
	return text
}
