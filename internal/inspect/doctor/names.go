package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// answering is how long a name server may take.
const answering = 60 * time.Millisecond

// names asks every name server of resolv.conf(5) at once whether it is there.
func names(p Target) []Finding {
	text, err := os.ReadFile(filepath.Join(p.Machine.Root, "etc/resolv.conf"))
	if err != nil {
		return []Finding{{Check: "names", Status: Warning, Text: "no name servers: " + err.Error(), Advice: "Hosts are found by /etc/hosts alone; see the container's DNS settings."}}
	}
	var servers []netip.Addr
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "nameserver" {
			if address, err := netip.ParseAddr(fields[1]); err == nil {
				servers = append(servers, address)
			}
		}
	}
	list := make([]Finding, len(servers))
	var group sync.WaitGroup
	for i, server := range servers {
		group.Go(func() {
			took, err := ask(server)
			list[i] = Finding{Check: "names", Status: OK, Text: fmt.Sprintf("%s answers in %.1f ms", server, took.Seconds()*1e3), Facts: map[string]any{"server": server.String()}}
			if err != nil {
				list[i].Status, list[i].Text = Warning, fmt.Sprintf("%s does not answer: %v", server, err)
				list[i].Advice = "Hosts may not be found: see the network policy, and the container's DNS settings."
			}
		})
	}
	group.Wait()
	if len(list) == 0 {
		list = []Finding{{Check: "names", Status: Warning, Text: "resolv.conf names no server", Advice: "Hosts are found by /etc/hosts alone; see the container's DNS settings."}}
	}
	return list
}

// query asks for the name servers of the root: RFC 1035, section 4.1.
var query = []byte{0x47, 0x41, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}

// ask sends the query, over UDP, and waits for any answer to it.
func ask(server netip.Addr) (time.Duration, error) {
	const dns = 53
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: dns, Addr: server.As16()})
	if server.Is4() {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Port: dns, Addr: server.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	limit := unix.NsecToTimeval(answering.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, address); err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := unix.Write(fd, query); err != nil {
		return 0, err
	}
	answer := make([]byte, 512)
	n, err := unix.Read(fd, answer)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, fmt.Errorf("nothing within %s", answering)
	case err != nil:
		return 0, err
	case n < 2 || answer[0] != query[0] || answer[1] != query[1]:
		return 0, errors.New("its answer is to something else")
	}
	return time.Since(start), nil
}
