//go:build linux

package observe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Traffic counts what the network namespace of this process has sent: https://docs.kernel.org/networking/snmp_counter.html.
type Traffic struct {
	connections, datagrams uint64
	// outside counts what left through other interfaces than the loopback one, and what found no way.
	outside uint64
}

// The files of the counters.
const (
	counters   = "/proc/self/net/snmp"
	countersV6 = "/proc/self/net/snmp6"
	interfaces = "/proc/self/net/dev"
)

// ReadTraffic gives the counters as they are now.
func ReadTraffic() (t Traffic, err error) {
	text, err := os.ReadFile(counters)
	if err != nil {
		return t, err
	}
	more, err := os.ReadFile(countersV6)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return t, err
	}
	if t, err = traffic(text, more); err != nil {
		return t, err
	}
	devices, err := os.ReadFile(interfaces)
	t.outside += sent(devices)
	return t, err
}

// sent is how many packets were sent through other interfaces than the loopback one: proc_pid_net(5), /proc/net/dev.
func sent(devices []byte) (n uint64) {
	for lines := bufio.NewScanner(bytes.NewReader(devices)); lines.Scan(); {
		name, values, _ := strings.Cut(lines.Text(), ":")
		if fields := strings.Fields(values); len(fields) > 9 && strings.TrimSpace(name) != "lo" {
			packets, _ := strconv.ParseUint(fields[9], 10, 64)
			n += packets
		}
	}
	return n
}

// listeners are the ports at which somebody answers, for TCP, or has a socket, for UDP; proc_pid_net(5), /proc/net/tcp.
func listeners() map[uint16]bool {
	ports := map[uint16]bool{}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		// Without IPv6 there are no files for it.
		text, _ := os.ReadFile("/proc/self/net/" + name)
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) < 4 || strings.HasPrefix(name, "tcp") && fields[3] != "0A" {
				continue
			}
			_, port, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil {
				ports[uint16(n)] = true
			}
		}
	}
	return ports
}

// traffic reads the counters: pairs of lines of one protocol each, names and values, and for IPv6 a name and a value on each line.
func traffic(v4, v6 []byte) (t Traffic, err error) {
	values := map[string]uint64{}
	names := map[string][]string{}
	for lines := bufio.NewScanner(bytes.NewReader(v4)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		heads, second := names[words[0]]
		if !second {
			names[words[0]] = words
			continue
		}
		for i := 1; i < min(len(words), len(heads)); i++ {
			// Some values are negative, none of those that count.
			values[words[0]+heads[i]], _ = strconv.ParseUint(words[i], 10, 64)
		}
	}
	for _, name := range []string{"Tcp:ActiveOpens", "Udp:OutDatagrams"} {
		if _, there := values[name]; !there {
			return t, fmt.Errorf("%s has no %s", counters, name)
		}
	}
	for lines := bufio.NewScanner(bytes.NewReader(v6)); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 2 {
			values[words[0]], _ = strconv.ParseUint(words[1], 10, 64)
		}
	}
	t.outside = values["Ip:OutNoRoutes"] + values["Ip6OutNoRoutes"]
	t.connections = values["Tcp:ActiveOpens"]
	t.datagrams = values["Udp:OutDatagrams"] + values["UdpLite:OutDatagrams"] + values["Udp6OutDatagrams"] + values["UdpLite6OutDatagrams"]
	return t, nil
}

// Counters gives ReadTraffic where the counters count, which is tried: some sandboxes have files of zeros. Else it gives an error.
func Counters() func() (Traffic, error) {
	if !counts() {
		return func() (Traffic, error) { return Traffic{}, errors.New("the network's counters do not count") }
	}
	return ReadTraffic
}

func counts() bool {
	before, err := ReadTraffic()
	if err != nil {
		return false
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false
	}
	defer func() { _ = listener.Close() }()
	connection, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return false
	}
	_ = connection.Close()
	datagrams, err := net.Dial("udp", listener.Addr().String())
	if err != nil {
		return false
	}
	_, _ = datagrams.Write([]byte("x"))
	_ = datagrams.Close()
	after, err := ReadTraffic()
	return err == nil && after.connections > before.connections && after.datagrams > before.datagrams
}
