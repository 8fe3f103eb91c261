package launch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
)

// An application that lacks a library, or needs a newer one, does not start; a setting starts it anyway.
func TestMissingLibrariesWordForWord(t *testing.T) {
	const missing = `
  GLIBC_9.99 of libc.so.6  is needed by sassc; a newer release of the distribution has it
  libpq.so.5               is needed by pg, sequel; on Debian and Ubuntu it is likely the package libpq5

`
	for setting, want := range map[string]string{
		"": "gantry: libraries are missing in the run image; process web does not start\n" + missing +
			"  Add their packages to packages in project.toml, or use a run image that has them; BPL_LIBRARY_CHECK=warn starts anyway.\n",
		"warn": "gantry: libraries are missing in the run image; process web starts anyway (BPL_LIBRARY_CHECK=warn)\n" + missing,
		"off":  "",
	} {
		t.Run("BPL_LIBRARY_CHECK="+setting, func(t *testing.T) {
			g := NewWithT(t)
			libc, err := filepath.Glob("/lib/*-linux-gnu/libc.so.6")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(libc).NotTo(BeEmpty())
			content, err := os.ReadFile(libc[0])
			g.Expect(err).NotTo(HaveOccurred())
			m := machine(t, map[string]string{"lib/libc.so.6": string(content)})

			layers, list := t.TempDir(), sharedlib.List{}
			list.Add("libc.so.6", "", "sassc")
			list.Add("libc.so.6", "GLIBC_9.99", "sassc")
			list.Add("libpq.so.5", "", "sequel")
			list.Add("libpq.so.5", "", "pg")
			g.Expect(os.Mkdir(filepath.Join(layers, "gems"), 0o755)).To(Succeed())
			g.Expect(list.Write(filepath.Join(layers, "gems"))).To(Succeed())

			var log bytes.Buffer
			termination := filepath.Join(t.TempDir(), "termination-log")
			g.Expect(os.WriteFile(termination, nil, 0o644)).To(Succeed())
			c := launch.Check{
				Image: launch.Image{Runtime: "ruby", Version: "3.3.8"}, Process: "web", Environ: []string{"BPL_LIBRARY_CHECK=" + setting}, Machine: m,
				Log: &log, Termination: termination, Layer: filepath.Join(layers, "gantry"),
			}
			_, ok := c.Run()
			g.Expect(ok).To(Equal(setting != ""))
			g.Expect(log.String()).To(Equal(want))
		})
	}
}
