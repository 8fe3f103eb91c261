package observe_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
)

// argument has the test program start a program in place of the tests, and tell whether that has connected to somebody: the limit cannot be
// taken back from a process.
const argument = "observed"

func TestMain(m *testing.M) {
	if len(os.Args) < 4 || os.Args[1] != argument {
		os.Exit(m.Run())
	}
	if os.Args[2] == "true" {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	read := observe.Counters()
	before, _ := read()
	s := observe.WatchSockets()
	cmd := exec.Command("python3", "-c", os.Args[3])
	if err := s.Start(cmd); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	failed := cmd.Wait()
	after, _ := read()
	fmt.Println(failed, s.Connected(before, after))
}

// connects reports whether a program is taken to have connected to somebody.
func connects(t *testing.T, program string, limited bool) bool {
	g := NewWithT(t)
	out, err := exec.Command(os.Args[0], argument, fmt.Sprint(limited), program).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	g.Expect(string(out)).To(HavePrefix("<nil> "))
	return strings.TrimSpace(string(out)) == "<nil> true"
}
