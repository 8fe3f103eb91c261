package launch_test

import (
	"os"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
)

// The number of a server that was killed with an earlier container is no reason for the next one not to start.
func TestStalePIDFile(t *testing.T) {
	g := NewWithT(t)
	file, err := os.CreateTemp("/tmp", "gantry-*.pid")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(file.Close()).To(Succeed())
	ok, _, log, _ := check(t, launch.Image{Runtime: "ruby", Version: "3.3.8"}, machine(t, nil), "PIDFILE="+file.Name(), "BPL_DIAGNOSTICS=off")
	g.Expect(ok).To(BeTrue())
	g.Expect(log).To(BeEmpty())
	g.Expect(file.Name()).NotTo(BeAnExistingFile())
}
