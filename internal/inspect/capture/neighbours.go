package capture

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// dockerDNS is where Docker itself answers questions for names, within each container's network:
// https://docs.docker.com/engine/network/#dns-services.
var dockerDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// Neighbours says who shares a process's loopback address without being part of the application: the sidecars of a pod, the
// host. They could use an inspector that is open there. The names are ports, "port 15001"; those that listen nowhere
// cannot be seen.
func Neighbours(p Process) []string {
	found := neighbours(p)
	if len(found) == 0 {
		return nil
	}
	// A socket that is closed between the two readings of /proc seems to be nobody's; the second look does not find it.
	var list []string
	for _, name := range neighbours(p) {
		if slices.Contains(found, name) {
			list = append(list, name)
		}
	}
	return list
}

// neighbours looks once.
func neighbours(p Process) []string {
	sockets := p.tcpSockets()
	mounts, err := os.Readlink(fmt.Sprintf("%s/%d/ns/mnt", proc, p.PID))
	own := map[string]bool{}
	if err == nil {
		entries, _ := os.ReadDir(proc)
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil {
				continue
			}
			// The processes of a container see the same files, and those of another one other files.
			if other, err := os.Readlink(fmt.Sprintf("%s/%d/ns/mnt", proc, pid)); err == nil && other == mounts {
				for inode := range socketsOf(pid) {
					own[inode] = true
				}
			}
		}
	}
	var list []string
	for _, s := range sockets {
		name := fmt.Sprintf("port %d", s.local.Port())
		if s.state == listening && !own[s.inode] && s.local.Addr() != dockerDNS && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// alone is an error where others than the application could reach its inspector.
func (h Host) alone(p Process) error {
	if h.Neighbours == nil {
		return nil
	}
	found := h.Neighbours(p)
	if len(found) == 0 {
		return nil
	}
	const shown = 5
	return &problem.Problem{
		ID:    "capture/shared-network",
		Title: "others share the application's network, and could use its inspector while it is open",
		Why: fmt.Sprintf("%s %s by something that is not part of the application: another container of the pod, or the host. Whoever connects to the inspector runs code in the application",
			strings.Join(found[:min(len(found), shown)], ", "), map[bool]string{true: "is held", false: "are held"}[len(found) == 1]),
		Hints: []string{"Insist with --force where you trust them: the inspector listens on a port of the loopback address that the kernel chooses, as short as possible."},
	}
}
