package fileserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cache holds what is known of files that were asked for: an image's files do not change, and have no times to tell them apart by. What is not there
// is not held: there is no end of it.
type cache struct {
	files   sync.Map
	tagging sync.Mutex
	// held is how many bytes of files are in memory.
	held atomic.Int64
}

// Small files are held in memory, up to a bound: to open one takes longer than to send it. They are looked at again after a second, for a folder that is
// mounted may change.
const (
	maxHeld   = 16 << 10
	holdBytes = 8 << 20
	lookAgain = time.Second
)

// known is what is known of a file.
type known struct {
	// looked is when it was looked at, in nanoseconds.
	looked *atomic.Int64
	// body is the file itself, and coded the same in its encodings, where they are held; nil where not.
	body  []byte
	coded map[string][]byte
	size  int64
	time  time.Time
	tag   string
	kind  string
	// encodings are those in which the file lies next to it.
	encodings []encoding
	// text: it is worth compressing.
	text bool
}

// encoding is a content coding, and what the file's name has behind it.
type encoding struct{ name, extension string }

// codings are those that a build makes, the smallest first: RFC 7932, RFC 8878, RFC 1952.
var codings = []encoding{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

func (c *cache) get(name string) (known, bool) {
	v, ok := c.files.Load(name)
	if !ok {
		return known{}, false
	}
	return v.(known), true
}

// recent gives what is known of a file, unless it is time to look at it again.
func (c *cache) recent(name string, now time.Time) (known, bool) {
	k, ok := c.get(name)
	return k, ok && now.UnixNano()-k.looked.Load() < int64(lookAgain)
}

// of gives what is known of an open file; one that has changed is looked at again.
func (c *cache) of(files fs.FS, name string, content io.ReadSeeker, info fs.FileInfo) (known, error) {
	if k, ok := c.get(name); ok {
		if k.size == info.Size() && k.time.Equal(info.ModTime()) {
			k.looked.Store(time.Now().UnixNano())
			return k, nil
		}
		c.release(k)
	}
	tag, err := c.tagOf(name, content, info)
	if err != nil {
		return known{}, err
	}
	k := known{looked: &atomic.Int64{}, size: info.Size(), time: info.ModTime(), tag: tag, kind: kindOf(name)}
	for _, coding := range codings {
		if other, err := fs.Stat(files, name+coding.extension); err == nil && !other.IsDir() {
			k.encodings = append(k.encodings, coding)
		}
	}
	k.text = Compressible(name) && info.Size() >= MinSize
	k.looked.Store(time.Now().UnixNano())
	if k = c.hold(k, files, name, content); k.body != nil {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return known{}, err
		}
	}
	c.files.Store(name, k)
	return k, nil
}

// tagOf gives a file's entity tag: the digest of what it holds. It is computed once, however many ask for the file at the same time. Of a very large file it
// is that of its size, its beginning and its end: a client does not wait until all of it is read.
func (c *cache) tagOf(name string, content io.ReadSeeker, info fs.FileInfo) (string, error) {
	c.tagging.Lock()
	defer c.tagging.Unlock()
	if k, ok := c.get(name); ok && k.size == info.Size() && k.time.Equal(info.ModTime()) {
		return k.tag, nil
	}
	sum := sha256.New()
	parts := []int64{0}
	length := info.Size()
	if length > largeFile {
		_, _ = fmt.Fprintf(sum, "%d %d\n", length, info.ModTime().UnixNano())
		parts, length = []int64{0, info.Size() - taggedPart}, taggedPart
	}
	for _, start := range parts {
		if _, err := content.Seek(start, io.SeekStart); err != nil {
			return "", err
		}
		if _, err := io.Copy(sum, io.LimitReader(content, length)); err != nil {
			return "", err
		}
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:16]), nil
}

// A file is very large from a size on at which to read it takes about a tenth of a second; taggedPart is what is read of one, at each end.
const (
	largeFile  = 64 << 20
	taggedPart = 1 << 20
)

// hold reads a small file into memory, with its encodings, if there is room.
func (c *cache) hold(k known, files fs.FS, name string, content io.Reader) known {
	if k.size > maxHeld || c.held.Load() > holdBytes {
		return k
	}
	body, err := io.ReadAll(io.LimitReader(content, maxHeld+1))
	if err != nil || int64(len(body)) != k.size {
		return k
	}
	coded := map[string][]byte{}
	for _, coding := range k.encodings {
		text, err := fs.ReadFile(files, name+coding.extension)
		if err != nil || len(text) > maxHeld {
			return k
		}
		coded[coding.name] = text
	}
	k.body, k.coded = body, coded
	c.held.Add(k.bytes())
	return k
}

// forget is for a file that is there no more.
func (c *cache) forget(name string) (known bool) {
	k, known := c.get(name)
	if known {
		c.files.Delete(name)
		c.release(k)
	}
	return known
}

func (c *cache) release(k known) { c.held.Add(-k.bytes()) }

// bytes are what is held of a file.
func (k known) bytes() int64 {
	sum := len(k.body)
	for _, text := range k.coded {
		sum += len(text)
	}
	return int64(sum)
}

// inMemory is a file that is held.
type inMemory struct{ *bytes.Reader }

// Close has nothing to do.
func (inMemory) Close() error { return nil }

// Stat is not asked of it.
func (inMemory) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

// MinSize is from which size on a file is compressed: a smaller one fits into one packet.
const MinSize = 1024

// kinds are types that Go does not know by itself, and that run images have no list for.
var kinds = map[string]string{
	".webmanifest": "application/manifest+json", ".map": "application/json", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf", ".cjs": "text/javascript; charset=utf-8",
	".ico": "image/x-icon", ".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".txt": "text/plain; charset=utf-8",
	".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".zip": "application/zip", ".gz": "application/gzip", ".wasm": "application/wasm",
	".atom": "application/atom+xml", ".rss": "application/rss+xml", ".eot": "application/vnd.ms-fontobject", ".yaml": "application/yaml", ".yml": "application/yaml",
	".xml": "text/xml; charset=utf-8", ".json": "application/json", ".jsonld": "application/ld+json", ".geojson": "application/geo+json", ".avif": "image/avif", ".ics": "text/calendar; charset=utf-8",
}

// kindOf is a file's type by its name; empty where it is not known, and is found out by what the file holds.
func kindOf(name string) string {
	extension := strings.ToLower(path.Ext(name))
	if kind, ok := kinds[extension]; ok {
		return kind
	}
	return mime.TypeByExtension(extension)
}

// Compressible reports whether a file gets smaller by compression, by its name.
func Compressible(name string) bool {
	kind, _, _ := strings.Cut(kindOf(name), ";")
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "+json") {
		return true
	}
	return slices.Contains([]string{"application/javascript", "application/json", "application/wasm", "application/xml", "application/yaml", "font/ttf", "font/otf",
		"application/vnd.ms-fontobject", "image/x-icon", "image/bmp"}, kind)
}
