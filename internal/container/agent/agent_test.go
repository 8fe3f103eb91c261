package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
)

func TestFolderIsTheUsersOwn(t *testing.T) {
	g := NewWithT(t)
	temporary := t.TempDir()
	if len(agent.Folders(temporary, os.Getuid())[0]) > 75 {
		t.Skip("not tested whose folder the agent's is: the path of the folder for tests is too long for a socket")
	}
	dir, err := agent.MakeFolder(temporary)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(filepath.Dir(dir)).To(Equal(temporary))
	info, err := os.Stat(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o700)))
	again, err := agent.MakeFolder(temporary)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(dir))

	// One that others may enter, or a link to another place, is not used.
	g.Expect(os.Chmod(dir, 0o755)).To(Succeed())
	other, err := agent.MakeFolder(temporary)
	if err == nil {
		g.Expect(other).NotTo(Equal(dir))
	}
	g.Expect(os.Remove(dir)).To(Succeed())
	g.Expect(os.Symlink(t.TempDir(), dir)).To(Succeed())
	other, err = agent.MakeFolder(temporary)
	if err == nil {
		g.Expect(other).NotTo(Equal(dir))
	}
}

func TestLongNamesAreLeftOut(t *testing.T) {
	g := NewWithT(t)
	g.Expect(agent.Folders("/"+strings.Repeat("long/", 20), 1000)).To(Equal([]string{"/tmp/gantry-agent-1000", "/dev/shm/gantry-agent-1000"}))
	g.Expect(agent.Folders("/tmp", 7)).To(Equal([]string{"/tmp/gantry-agent-7", "/dev/shm/gantry-agent-7"}))
}
