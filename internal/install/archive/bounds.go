package archive

import (
	"fmt"
	"io"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// The bounds of what an archive unpacks to. A few megabytes of zeros unpack to gigabytes, and would fill the disk; what people publish
// is compressed to a tenth or a hundredth. npm's own unpacker has a bound of the kind: https://github.com/isaacs/node-tar#security.
const (
	// maxRatio counts from freeBytes on: small archives of text may well be compressed more.
	maxRatio  = 200
	freeBytes = 256 << 20
)

// Bounded gives what an archive unpacks to, up to the bounds; compressed tells how many bytes were read for it.
func Bounded(unpacked io.Reader, compressed func() int64) io.Reader {
	return &bounded{from: unpacked, compressed: compressed}
}

type bounded struct {
	from       io.Reader
	compressed func() int64
	n          int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.n += int64(n); b.n > freeBytes && b.n > maxRatio*b.compressed() {
		return 0, &problem.Problem{
			ID:    "archive/too-large",
			Title: "an archive unpacks to more than it may",
			Why:   fmt.Sprintf("%d MB of it came out of %d MB: over %d times as much", b.n>>20, b.compressed()>>20, maxRatio),
			Hints: []string{"It may have been made to fill disks: look at where it comes from."},
		}
	}
	return n, err
}

// Counter counts what is read.
type Counter struct {
	From io.Reader
	N    int64
}

// Read is that of io.Reader.
func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.From.Read(p)
	c.N += int64(n)
	return n, err
}

// Count gives the number of bytes that were read.
func (c *Counter) Count() int64 { return c.N }
