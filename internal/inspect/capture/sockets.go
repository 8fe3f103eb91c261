package capture

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// tcpSocket is a line of /proc/PID/net/tcp or tcp6: proc(5).
type tcpSocket struct {
	local netip.AddrPort
	state string
	inode string
}

// The states of a socket: include/net/tcp_states.h.
const established, listening = "01", "0A"

// tcpSockets gives the sockets of a process's network namespace.
func (p Process) tcpSockets() []tcpSocket {
	var list []tcpSocket
	for _, table := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("%s/%d/net/%s", proc, p.PID, table))
		for line := range strings.Lines(string(text)) {
			if s, ok := parseSocket(line); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

func parseSocket(line string) (tcpSocket, bool) {
	const local, state, inode = 1, 3, 9
	fields := strings.Fields(line)
	if len(fields) <= inode {
		return tcpSocket{}, false
	}
	digits, portDigits, _ := strings.Cut(fields[local], ":")
	raw, err := hex.DecodeString(digits)
	port, err2 := strconv.ParseUint(portDigits, 16, 16)
	if err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return tcpSocket{}, false
	}
	// Each word of 32 bits is written as the machine's own number, and machines are little-endian.
	for word := raw; len(word) > 0; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.LittleEndian.Uint32(word))
	}
	address, _ := netip.AddrFromSlice(raw)
	return tcpSocket{netip.AddrPortFrom(address.Unmap(), uint16(port)), fields[state], fields[inode]}, true
}

// socketsOf gives the inodes of the sockets that a process has open.
func socketsOf(pid int) map[string]bool {
	own := map[string]bool{}
	files, _ := filepath.Glob(fmt.Sprintf("%s/%d/fd/*", proc, pid))
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	return own
}

// inspectPort finds the ports in options of Node.js: https://nodejs.org/api/cli.html#--inspecthostport.
var inspectPort = lazyregexp.New(`--inspect(?:-brk|-wait|-port)?(?:[= ](?:\S*:)?(\d+))?(?:\s|$)`)

// defaultPort is Node.js' own.
const defaultPort = 9229

// namedPorts are those that the process's options give its inspector.
func (p Process) namedPorts() []uint16 {
	options, _ := p.Variable("NODE_OPTIONS")
	words, _ := os.ReadFile(fmt.Sprintf("%s/%d/cmdline", proc, p.PID))
	text := options + " " + strings.ReplaceAll(string(words), "\x00", " ") + " "
	ports := []uint16{defaultPort}
	for _, match := range inspectPort().FindAllStringSubmatch(text, -1) {
		if n, err := strconv.ParseUint(match[1], 10, 16); err == nil && n > 0 {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}

// candidates are the addresses at which the process's inspector may listen: the port that its options name, else one of the
// loopback address that the kernel has chosen. The application's own ports are left alone.
func (p Process) candidates() []netip.AddrPort {
	own, named := socketsOf(p.PID), p.namedPorts()
	low, high := ephemeralPorts()
	var first, others []netip.AddrPort
	for _, s := range p.tcpSockets() {
		if s.state != listening || !own[s.inode] {
			continue
		}
		address := s.local.Addr()
		switch port := s.local.Port(); {
		case slices.Contains(named, port) && address.IsUnspecified():
			loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if address.Is6() {
				loopback = netip.IPv6Loopback()
			}
			first = append(first, netip.AddrPortFrom(loopback, port))
		case slices.Contains(named, port):
			first = append(first, s.local)
		case address.IsLoopback() && port >= low && port <= high:
			others = append(others, s.local)
		}
	}
	return append(first, others...)
}

// ephemeralPorts is the range from which the kernel chooses: ip(7).
func ephemeralPorts() (low, high uint16) {
	low, high = 32768, 60999
	if text, err := os.ReadFile(proc + "/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(text), &low, &high)
	}
	return low, high
}

// targetPath is the path of the main thread at an inspector.
var targetPath = lazyregexp.New(`^ws://[^/]+(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// findInspector gives the address of a process's open inspector, and the path of its main thread; the path is empty when
// none is open.
func findInspector(p Process) (address netip.AddrPort, path string) {
	for _, address := range p.candidates() {
		if text, err := get(address, "/json/list"); err == nil {
			if path := inspectorPath(text); path != "" {
				return address, path
			}
		}
	}
	return netip.AddrPort{}, ""
}

// inspectorPath gives the path of the main thread in an answer of an inspector; empty when it is no such answer.
func inspectorPath(answer []byte) string {
	var targets []struct{ Type, WebSocketDebuggerURL string }
	if json.Unmarshal(answer, &targets) != nil {
		return ""
	}
	for _, target := range targets {
		if match := targetPath().FindStringSubmatch(target.WebSocketDebuggerURL); match != nil && target.Type == "node" {
			return match[1]
		}
	}
	return ""
}

// listens reports whether the process listens at an address.
func (p Process) listens(address netip.AddrPort) bool {
	own := socketsOf(p.PID)
	return slices.ContainsFunc(p.tcpSockets(), func(s tcpSocket) bool {
		return s.state == listening && s.local.Port() == address.Port() && own[s.inode]
	})
}

// connected reports whether anybody is connected to a port of the process's network namespace.
func (p Process) connected(port uint16) bool {
	return slices.ContainsFunc(p.tcpSockets(), func(s tcpSocket) bool { return s.state == established && s.local.Port() == port })
}
