package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Port is a port of this machine, at an address of it, that leads to one of the container.
type Port struct {
	Address         string
	Host, Container int
}

// ParsePort reads [ADDRESS:]HOST:CONTAINER, or CONTAINER alone, as docker run -p does. Nothing listens beyond the loopback address unless
// the user says so.
func ParsePort(text string) (Port, error) {
	parts := strings.Split(strings.TrimSuffix(text, "/tcp"), ":")
	p := Port{Address: "127.0.0.1"}
	if len(parts) == 3 {
		p.Address, parts = parts[0], parts[1:]
	}
	numbers := make([]int, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 {
			return Port{}, badPort(text)
		}
		numbers[i] = int(n)
	}
	switch len(numbers) {
	case 1:
		p.Host, p.Container = numbers[0], numbers[0]
	case 2:
		p.Host, p.Container = numbers[0], numbers[1]
	default:
		return Port{}, badPort(text)
	}
	return p, nil
}

func badPort(text string) error {
	return &problem.Problem{ID: "run/port", Title: strconv.Quote(text) + " is no port to publish", Hints: []string{"Write HOST:CONTAINER, such as -p 8080:3000, or ADDRESS:HOST:CONTAINER."}}
}

func (p Port) String() string { return fmt.Sprintf("%s:%d", p.Address, p.Host) }

// Free is an error where something else listens at the container's port: the container has this machine's network.
func (p Port) Free() error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Container)))
	if err != nil {
		return &problem.Problem{
			ID: "run/port-taken", Title: fmt.Sprintf("the container's port %d is taken", p.Container), Why: "a container of gantry run has this machine's network, and something listens there",
			Hints: []string{"Choose another one: -p HOST:CONTAINER; the application gets it as PORT."}, Err: err,
		}
	}
	return listener.Close()
}

// Open listens at the port, and passes connections on to the container until the context ends. A container has this machine's network: a port that
// has the same number there needs nothing.
func (p Port) Open(ctx context.Context) error {
	if p.Host == p.Container && p.Address == "127.0.0.1" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(p.Address, strconv.Itoa(p.Host)))
	if err != nil {
		return &problem.Problem{
			ID: "run/port-taken", Title: "nothing can listen at " + p.String(), Why: err.Error(),
			Hints: []string{"Choose another port: -p HOST:" + strconv.Itoa(p.Container)}, Err: err,
		}
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			go p.pass(from)
		}
	}()
	return nil
}

// pass connects a client with the container until one of them ends.
func (p Port) pass(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Container)), 10*time.Second)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	var group sync.WaitGroup
	for a, b := range map[net.Conn]net.Conn{from: to, to: from} {
		group.Go(func() {
			_, _ = io.Copy(b, a)
			if half, ok := b.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
		})
	}
	group.Wait()
}
