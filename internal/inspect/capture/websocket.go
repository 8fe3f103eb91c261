package capture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The client speaks as much of HTTP and WebSocket (RFC 6455) as Node.js' inspector needs, to this machine alone. The
// libraries for it bring the whole of net/http, which would be part of every container start. What answers may be anything
// that listens there: nothing that it says is taken for a length before it is bounded.

// patience is how long the inspector may take for an answer.
const patience = 10 * time.Second

// probing is how long something that listens may take to say that it is an inspector: Node.js answers in a thread that
// the application does not block.
const probing = 500 * time.Millisecond

// The bounds of an answer: the lines of its head, the bytes of each, and the bytes of a small document.
const maxHeaderLines, maxHeaderLine, maxDocument = 100, 4 << 10, 1 << 20

func dial(address netip.AddrPort, limit time.Duration) (net.Conn, error) {
	connection, err := net.DialTimeout("tcp", address.String(), limit)
	if err != nil {
		return nil, err
	}
	if err := connection.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return connection, nil
}

// get asks for a small document.
func get(address netip.AddrPort, path string) ([]byte, error) {
	connection, err := dial(address, probing)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address); err != nil {
		return nil, err
	}
	return readDocument(bufio.NewReaderSize(connection, maxHeaderLine))
}

// readDocument reads an answer and gives its body.
func readDocument(in *bufio.Reader) ([]byte, error) {
	length, err := readHeader(in, "200")
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if n, err := io.CopyN(&body, in, length); err != nil && n < length {
		return nil, io.ErrUnexpectedEOF
	}
	return body.Bytes(), nil
}

// readHeader reads an answer's head, which must have the status, and gives the length of its body.
func readHeader(in *bufio.Reader, status string) (length int64, err error) {
	line := func() (string, error) {
		text, err := in.ReadSlice('\n')
		return strings.TrimSpace(string(text)), err
	}
	first, err := line()
	if err != nil {
		return 0, err
	}
	if words := strings.Fields(first); len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/1.") || words[1] != status {
		return 0, fmt.Errorf("the answer is %q", first[:min(len(first), 100)])
	}
	for range maxHeaderLines {
		text, err := line()
		if err != nil {
			return 0, err
		}
		if text == "" {
			return length, nil
		}
		name, value, _ := strings.Cut(text, ":")
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil || length < 0 || length > maxDocument {
				return 0, errors.New("the answer has no length that makes sense")
			}
		}
	}
	return 0, errors.New("the answer's head has no end")
}

// socket is an open WebSocket.
type socket struct {
	connection net.Conn
	in         *bufio.Reader
}

func open(address netip.AddrPort, path string) (*socket, error) {
	connection, err := dial(address, patience)
	if err != nil {
		return nil, err
	}
	s := &socket{connection: connection, in: bufio.NewReaderSize(connection, 64<<10)}
	// The key and the masks protect proxies between the two (RFC 6455, section 10), of which the loopback address has none.
	key := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rand.Uint64()), rand.Uint64())
	_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		path, address, base64.StdEncoding.EncodeToString(key))
	if err == nil {
		_, err = readHeader(s.in, "101")
	}
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return s, nil
}

// The kinds of frames: RFC 6455, section 5.2.
const (
	frameText  = 1
	frameClose = 8
	framePing  = 9
	framePong  = 10
)

// write sends one frame; those of a client are masked.
func (s *socket) write(kind byte, content []byte) error {
	if err := s.connection.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	frame := []byte{0x80 | kind}
	switch n := len(content); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	mask := binary.LittleEndian.AppendUint32(nil, rand.Uint32())
	frame = append(frame, mask...)
	for i, b := range content {
		frame = append(frame, b^mask[i%4])
	}
	_, err := s.connection.Write(frame)
	return err
}

// maxMessage bounds a message, in bytes: the largest is the profile of a long time. Memory is taken as it arrives.
const maxMessage = 256 << 20

// read gives the next message. The wait for it ends with ctx or at the deadline; once it has begun to come it is read to
// its end, so that the next call finds a beginning.
func (s *socket) read(ctx context.Context, deadline time.Time) ([]byte, error) {
	if err := s.connection.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	s.acknowledge()
	stop := context.AfterFunc(ctx, func() { _ = s.connection.SetReadDeadline(time.Now()) })
	_, err := s.in.Peek(1)
	stop()
	if err != nil {
		return nil, err
	}
	var message bytes.Buffer
	for {
		s.acknowledge()
		if err := s.connection.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		kind, last, content, err := readFrame(s.in, maxMessage-message.Len())
		if err != nil {
			return nil, err
		}
		switch kind {
		case frameClose:
			// The inspector waits for the answer, and the application with it.
			_ = s.write(frameClose, content)
			return nil, io.EOF
		case framePing:
			if err := s.write(framePong, content); err != nil {
				return nil, err
			}
		case framePong:
		default:
			if message.Write(content); last {
				return message.Bytes(), nil
			}
		}
	}
}

// acknowledge has the kernel confirm at once what has arrived: the inspector does not send its next small message before
// (Nagle's algorithm), and the application may stand still meanwhile. The kernel forgets it: tcp(7), TCP_QUICKACK.
func (s *socket) acknowledge() {
	if connection, ok := s.connection.(*net.TCPConn); ok {
		if raw, err := connection.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
		}
	}
}

// readFrame reads one frame of at most so many bytes. Those of control have at most 125 (RFC 6455, section 5.5).
func readFrame(in *bufio.Reader, most int) (kind byte, last bool, content []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, false, nil, err
	}
	kind, last = head[0]&0x0f, head[0]&0x80 != 0
	length := uint64(head[1] & 0x7f)
	var wide [8]byte
	switch length {
	case 126:
		_, err = io.ReadFull(in, wide[6:])
		length = binary.BigEndian.Uint64(wide[:])
	case 127:
		_, err = io.ReadFull(in, wide[:])
		length = binary.BigEndian.Uint64(wide[:])
	}
	switch {
	case err != nil:
		return 0, false, nil, err
	case head[1]&0x80 != 0:
		return 0, false, nil, errors.New("a frame of the inspector is masked")
	case kind >= frameClose && (length > 125 || !last):
		return 0, false, nil, errors.New("a control frame is too long")
	case length > uint64(max(0, most)):
		return 0, false, nil, errors.New("a message is too large")
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, in, int64(length)); err != nil {
		return 0, false, nil, err
	}
	return kind, last, body.Bytes(), nil
}

// close ends the connection as RFC 6455 has it, and waits for the other end for a moment.
func (s *socket) close() error {
	if s.write(frameClose, []byte{0x03, 0xe8}) == nil && s.connection.SetReadDeadline(time.Now().Add(closing)) == nil {
		_, _ = io.Copy(io.Discard, s.in)
	}
	return s.connection.Close()
}

// closing is how long the inspector may take to answer that it closes a connection.
const closing = 300 * time.Millisecond
