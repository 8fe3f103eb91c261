package launch_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/container/variables"
)

// Nothing that a user has set is silently ignored, and what changes how safe the application is keeps it from starting.
func TestSettingsWordForWord(t *testing.T) {
	const stops = "\ngantry: process web does not start\n"
	for name, c := range map[string]struct {
		variable string
		starts   bool
		log      string
	}{
		"misspelled":                      {variable: "BPL_LAUNCH_FACT=true", starts: true, log: "gantry: BPL_LAUNCH_FACT is not a setting; did you mean BPL_LAUNCH_FACTS?\n"},
		"of another buildpack":            {variable: "BPL_JVM_THREAD_COUNT=250", starts: true, log: "gantry: BPL_JVM_THREAD_COUNT is not a setting of Gantry; it changes nothing here\n"},
		"no boolean":                      {variable: "BPL_DEBUG_ENABLED=yes", starts: true, log: "gantry: BPL_DEBUG_ENABLED is \"yes\" and is ignored; expected is true or false\n"},
		"no switch":                       {variable: "BPL_YJIT=maybe", starts: true, log: "gantry: BPL_YJIT is \"maybe\" and is ignored; expected is on or off\n"},
		"a folder that is not absolute":   {variable: "BPL_CRASH_DIR=crashes", starts: true, log: "gantry: BPL_CRASH_DIR is \"crashes\" and is ignored; expected is the absolute path of a folder\n"},
		"understood":                      {variable: "BPL_DIAGNOSTICS=OFF", starts: true},
		"as a boolean":                    {variable: "BPL_SOURCE_MAPS=0", starts: true},
		"empty":                           {variable: "BPL_DRAIN_DELAY=", starts: true},
		"a time that is none":             {variable: "BPL_DRAIN_DELAY=5", log: "gantry: BPL_DRAIN_DELAY is \"5\"; expected is a time such as 5s or 1m30s. The application would start without draining as it was meant" + stops},
		"a time below nothing":            {variable: "BPL_DRAIN_TIMEOUT=-5s", log: "gantry: BPL_DRAIN_TIMEOUT is \"-5s\"; expected is a time such as 5s or 1m30s. The application would start without draining as it was meant" + stops},
		"a switch for safety":             {variable: "BPL_DRAIN=never", log: "gantry: BPL_DRAIN is \"never\"; expected is on or off. The application would start without draining as it was meant" + stops},
		"a mode that is none":             {variable: "BPL_CONFIG_CHECK=disabled", log: "gantry: BPL_CONFIG_CHECK is \"disabled\"; expected is one of enforce, warn, off. The application would start without the check of its configuration as it was meant" + stops},
		"an address with a port":          {variable: "BPL_DEBUG_HOST=0.0.0.0:9229", log: "gantry: BPL_DEBUG_HOST is \"0.0.0.0:9229\"; expected is an address such as 127.0.0.1, without a port. The application would start without knowing who can reach its inspector" + stops},
		"misspelled, of those for safety": {variable: "BPL_DIAGNOSTIC=off", log: "gantry: BPL_DIAGNOSTIC is not a setting; did you mean BPL_DIAGNOSTICS? Without it the application would start without knowing who can look into it" + stops},
		"with an escape sequence":         {variable: "BPL_\x1b]0;x\x07=1", starts: true, log: "gantry: BPL_\\x1b]0;x\\x07 is not a setting of Gantry; it changes nothing here\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ok, _, log, termination := check(t, launch.Image{}, machine(t, nil), c.variable)
			g.Expect(ok).To(Equal(c.starts))
			g.Expect(log).To(Equal(c.log))
			if !c.starts {
				g.Expect(termination).To(Equal(log), "Kubernetes shows why")
			}
		})
	}
}

// Each setting that the docs name is known, and the other way round.
func TestSettingsAreDocumented(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../../../docs/settings.md")
	g.Expect(err).NotTo(HaveOccurred())
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("BPL_[A-Z_]+").FindAllString(string(text), -1) {
		documented[name] = true
		_, _, log, _ := check(t, launch.Image{}, machine(t, nil), name+"=?!")
		g.Expect(log).To(ContainSubstring("expected is"), name+" is in docs/settings.md, and not in internal/container/variables")
	}
	g.Expect(variables.Names()).To(HaveLen(len(documented)), "docs/settings.md lacks one of "+strings.Join(variables.Names(), ", "))
}

// What is off is off at the door, too: Node.js does not open its inspector at a signal.
func TestDiagnosticsOff(t *testing.T) {
	for version, want := range map[string]string{"20.20.2": "", "22.13.1": "", "22.14.0": "--disable-sigusr1", "23.6.0": "", "24.18.0": "--disable-sigusr1", "26.12.1": "--disable-sigusr1"} {
		g := NewWithT(t)
		ok, set, _, _ := check(t, launch.Image{Runtime: "node", Version: version}, machine(t, nil), "BPL_DIAGNOSTICS=off")
		g.Expect(ok).To(BeTrue())
		if want != "" {
			want = "NODE_OPTIONS = \"" + want + "\"\n"
		}
		g.Expect(set).To(Equal(want), version)
	}
}

// An older Node.js with its permission model does not start where something is loaded first that it may not read.
func TestPermissionModel(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		args    []string
		environ string
		loads   bool
	}{
		"none":                      {version: "20.20.2", args: []string{"node", "a.js"}, loads: true},
		"of an older release":       {version: "20.20.2", args: []string{"node", "--experimental-permission", "a.js"}},
		"in NODE_OPTIONS":           {version: "20.20.2", args: []string{"node", "a.js"}, environ: "--experimental-permission"},
		"of a newer release":        {version: "24.22.3", args: []string{"node", "--permission", "a.js"}, loads: true},
		"of a newer one, no file":   {version: "24.22.3", args: []string{"node", "--permission", "-e", "1"}},
		"of a release not measured": {version: "22.13.0", args: []string{"node", "--permission", "a.js"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var log strings.Builder
			m := machine(t, nil)
			check := launch.Check{Image: launch.Image{Runtime: "node", Version: c.version, DrainTimeout: "5s"}, Process: "web", Args: c.args, Environ: []string{"NODE_OPTIONS=" + c.environ}, Machine: m, Log: &log, Layer: "/layers/gantry"}
			set, ok := check.Run()
			g.Expect(ok).To(BeTrue())
			g.Expect(strings.Contains(set["NODE_OPTIONS"], "--require=")).To(Equal(c.loads))
			g.Expect(strings.Contains(log.String(), "running requests are cut off at SIGTERM: with --permission")).To(Equal(!c.loads))
		})
	}
}
