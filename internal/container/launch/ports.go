package launch

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Listen is a place in the source that keeps a platform from reaching the application, as the build found it.
type Listen struct {
	// Port is the number that is written there, 0 where the place is about the address.
	Port int `json:"port,omitempty"`
	// Advice says where it is, and what to write there.
	Advice string `json:"advice"`
}

// Looks are when the ports of a process are looked at, from its start: most applications are there after the first, and platforms give up after the
// last: https://devcenter.heroku.com/articles/error-codes#r10-boot-timeout.
var Looks = []time.Duration{10 * time.Second, time.Minute}

// webProcess is the process type that platforms send requests to.
const webProcess = "web"

// inspected is where Node.js' options say that its inspector listens.
var inspected = lazyregexp.New(`--inspect(?:-brk|-wait|-port)?[= ](?:[^\s:]*:)?(\d+)`)

// inspectorPort is where Node.js' inspector listens, unless BPL_DEBUG_PORT says otherwise.
const inspectorPort = "9229"

// WatchPorts says once where a web process listens, when that is not where a platform asks: at PORT, from outside. It ends with the last look.
func (c Check) WatchPorts() {
	if c.Process != webProcess {
		return
	}
	start, told := time.Now(), ""
	for n, at := range c.Looks {
		time.Sleep(time.Until(start.Add(at)))
		text, right := c.askedAt(n == len(c.Looks)-1)
		switch {
		case right && told != "":
			// It took its time to start.
			c.warn([]string{"web listens where the platform asks now"})
		case text != "" && text != told:
			c.warn([]string{text})
		}
		if right {
			return
		}
		told = text
	}
}

// askedAt compares the ports that the process and its children have opened with PORT. It is right when there is one that a platform may ask.
func (c Check) askedAt(last bool) (text string, right bool) {
	env := Variables(c.Environ)
	port, _ := strconv.Atoi(env["PORT"])
	debug := []string{cmp.Or(env["BPL_DEBUG_PORT"], inspectorPort)}
	for _, m := range inspected().FindAllStringSubmatch(env["NODE_OPTIONS"]+" "+strings.Join(c.Args, " "), -1) {
		debug = append(debug, m[1])
	}
	var open, local []netip.AddrPort
	for _, a := range listening(os.Getpid()) {
		switch {
		case slices.Contains(debug, strconv.Itoa(int(a.Port()))):
		case !a.Addr().IsLoopback():
			open = append(open, a)
		default:
			local = append(local, a)
		}
	}
	at := func(a netip.AddrPort) bool { return int(a.Port()) == port }
	switch {
	case slices.ContainsFunc(open, at), port == 0 && len(open) > 0:
		return "", true
	case slices.ContainsFunc(local, at), len(open) == 0 && len(local) > 0:
		a := local[max(0, slices.IndexFunc(local, at))]
		return fmt.Sprintf("web listens on %s, which only the container itself reaches (and what else is in its pod): %s", a,
			c.advice(0, "listen on 0.0.0.0")), false
	case len(open) > 0:
		return fmt.Sprintf("web listens on port %d, and PORT is %d, where the platform asks: %s", open[0].Port(), port,
			c.advice(int(open[0].Port()), fmt.Sprintf("let the application read PORT, or set PORT=%d where it is deployed", open[0].Port()))), false
	case last && port > 0:
		return fmt.Sprintf("web has opened no port in %s, and the platform asks at PORT, which is %d: %s", c.Looks[len(c.Looks)-1], port, c.advice(0, "listen there, on 0.0.0.0")), true
	}
	return "", false
}

// advice is what the build found in the source about a port, or about the address where that is 0.
func (c Check) advice(port int, otherwise string) string {
	for _, l := range c.Image.Listens {
		if l.Port == port {
			return l.Advice
		}
	}
	return otherwise
}

// listening gives the addresses at which a process's descendants accept TCP connections. What may not be read is passed over.
func listening(pid int) []netip.AddrPort {
	sockets := map[string]netip.AddrPort{}
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			// proc_pid_net(5): local_address is the second field, st the fourth (0A: LISTEN), inode the tenth.
			if f := strings.Fields(lines.Text()); len(f) > 9 && f[3] == "0A" {
				if a, ok := address(f[1]); ok {
					sockets["socket:["+f[9]+"]"] = a
				}
			}
		}
	}
	var list []netip.AddrPort
	for _, p := range descendants(pid) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p))
		for _, file := range files {
			link, _ := os.Readlink(file)
			if a, ok := sockets[link]; ok && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return list
}

// address reads an address as the kernel prints it: words of 32 bits as the machine has them, and the port, hexadecimal.
func address(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, wrong := strconv.ParseUint(port, 16, 16)
	if err != nil || wrong != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(number)), ok
}

// descendants are the processes below one. The file stat holds the name in brackets, which may hold anything.
func descendants(pid int) []int {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		p, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		if f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])); len(f) > 1 {
			parents[p], _ = strconv.Atoi(f[1])
		}
	}
	var list []int
	for p := range parents {
		for above := parents[p]; above > 0; above = parents[above] {
			if above == pid {
				list = append(list, p)
				break
			}
		}
	}
	slices.Sort(list)
	return list
}
