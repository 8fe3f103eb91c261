package integration

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
)

// Every script says what it needs, and how long it takes, to whoever asks, and refuses what it does not know, before it does anything.
func TestScriptsTellOfThemselves(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("../scripts/*.sh")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	sourced := []string{"help.sh", "quiet.sh", "kpack-cluster.sh"}
	// These give their words to other programs.
	passing := []string{"bench.sh", "update-releases.sh"}
	for _, script := range scripts {
		name := filepath.Base(script)
		if slices.Contains(sourced, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, flag := range []string{"--help", "-h"} {
				var out, errors bytes.Buffer
				cmd := exec.Command("bash", script, flag)
				cmd.Stdout, cmd.Stderr = &out, &errors
				g.Expect(cmd.Run()).To(Succeed())
				g.Expect(errors.String()).To(BeEmpty())
				g.Expect(out.String()).To(And(ContainSubstring("\n\n  scripts/"+name), MatchRegexp(`(?i)needs?\b|writes|packs`)))
			}
			if slices.Contains(passing, name) {
				return
			}
			var out, errors bytes.Buffer
			cmd := exec.Command("bash", script, "--no-such-option")
			cmd.Stdout, cmd.Stderr = &out, &errors
			g.Expect(cmd.Run()).NotTo(Succeed())
			g.Expect(cmd.ProcessState.ExitCode()).To(Equal(2))
			g.Expect(errors.String()).To(HavePrefix(name + ": \"--no-such-option\" is not understood\n"))
			g.Expect(out.String()).To(BeEmpty())
		})
	}
}
