package capture

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The client speaks as much of HTTP and WebSocket (RFC 6455) as Node.js' inspector needs, to this machine alone. The
// libraries for it bring the whole of net/http, which would be part of every container start.

// patience is how long the inspector may take for an answer.
const patience = 10 * time.Second

// dial connects to a port of this machine.
func dial(port int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	// Without blocking, so that reads can be given a deadline.
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("127.0.0.1:%d", port)), nil
}

// get asks for a small document.
func get(port int, path string) ([]byte, error) {
	connection, err := dial(port)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", path, port); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(connection)
	length, err := header(reader, "200")
	if err != nil {
		return nil, err
	}
	body := make([]byte, min(length, 1<<20))
	_, err = io.ReadFull(reader, body)
	return body, err
}

// header reads an answer's head, which must have the status, and gives the length of its body.
func header(reader *bufio.Reader, status string) (length int, err error) {
	first, err := reader.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if words := strings.Fields(first); len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/1.") || words[1] != status {
		return 0, fmt.Errorf("the answer is %q", strings.TrimSpace(first))
	}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0, err
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "" {
			return length, nil
		}
		if strings.EqualFold(name, "Content-Length") {
			_, _ = fmt.Sscan(value, &length)
		}
	}
}

// socket is an open WebSocket.
type socket struct {
	file   *os.File
	reader *bufio.Reader
}

func open(port int, path string) (*socket, error) {
	file, err := dial(port)
	if err != nil {
		return nil, err
	}
	s := &socket{file: file, reader: bufio.NewReaderSize(file, 64<<10)}
	// The key and the masks protect proxies between the two (RFC 6455, section 10), of which the loopback address has none.
	key := make([]byte, 0, 16)
	key = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(key, rand.Uint64()), rand.Uint64())
	if err = file.SetDeadline(time.Now().Add(patience)); err == nil {
		_, err = fmt.Fprintf(file, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
			path, port, base64.StdEncoding.EncodeToString(key))
	}
	if err == nil {
		_, err = header(s.reader, "101")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
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
	_, err := s.file.Write(frame)
	return err
}

// maxMessage bounds a message, in bytes.
const maxMessage = 1 << 30

// read gives the next message. The wait for it ends with ctx or at the deadline; once it has begun to come it is read to
// its end, so that the next call finds a beginning.
func (s *socket) read(ctx context.Context, deadline time.Time) ([]byte, error) {
	if err := s.file.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Now()) })
	_, err := s.reader.Peek(1)
	stop()
	if err != nil {
		return nil, err
	}
	var message []byte
	for {
		if err := s.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		var head [2]byte
		if _, err := io.ReadFull(s.reader, head[:]); err != nil {
			return nil, err
		}
		length := uint64(head[1] & 0x7f)
		var wide [8]byte
		switch length {
		case 126:
			if _, err := io.ReadFull(s.reader, wide[6:]); err != nil {
				return nil, err
			}
			length = binary.BigEndian.Uint64(wide[:])
		case 127:
			if _, err := io.ReadFull(s.reader, wide[:]); err != nil {
				return nil, err
			}
			length = binary.BigEndian.Uint64(wide[:])
		}
		if length > maxMessage || uint64(len(message))+length > maxMessage {
			return nil, errors.New("a message is too large")
		}
		content := make([]byte, length)
		if _, err := io.ReadFull(s.reader, content); err != nil {
			return nil, err
		}
		switch head[0] & 0x0f {
		case frameClose:
			return nil, io.EOF
		case framePing:
			if err := s.write(framePong, content); err != nil {
				return nil, err
			}
		case framePong:
		default:
			if message = append(message, content...); head[0]&0x80 != 0 {
				return message, nil
			}
		}
	}
}

func (s *socket) close() error {
	_ = s.write(frameClose, []byte{0x03, 0xe8})
	return s.file.Close()
}
