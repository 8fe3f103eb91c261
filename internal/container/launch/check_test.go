package launch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/contract"
)

var shop = launch.Image{
	Runtime: "node", Version: "24.18.0",
	Contract: contract.Contract{Variables: []contract.Variable{
		{Name: "DATABASE_URL", Type: "url", Schemes: []string{"postgres"}, Required: true, Secret: true, Description: "Where orders are kept", RenamedFrom: []string{"PG_URL"}},
		{Name: "LOG_LEVEL", Values: []string{"debug", "info"}},
	}},
}

// machine is a machine whose control group has the given files.
func machine(t *testing.T, files map[string]string) launch.Machine {
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	}
	return launch.Machine{
		Root: root, Clock: func() (float64, float64) { return 25, 180 }, Files: func() uint64 { return 1 << 20 }, Temporary: func() error { return nil },
	}
}

func check(t *testing.T, image launch.Image, m launch.Machine, environ ...string) (ok bool, set, log, termination string) {
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "termination-log")
	NewWithT(t).Expect(os.WriteFile(file, nil, 0o644)).To(Succeed())
	c := launch.Check{Image: image, Process: "web", Environ: environ, Machine: m, Log: &out, Termination: file, Layer: "/layers/gantry"}
	variables, ok := c.Run()
	if ok {
		c.Remark()
	}
	content, err := os.ReadFile(file)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		set += fmt.Sprintf("%s = %q\n", name, variables[name])
	}
	return ok, set, out.String(), string(content)
}

func TestARefusalWordForWord(t *testing.T) {
	g := NewWithT(t)
	ok, set, log, termination := check(t, shop, machine(t, nil), "LOG_LEVEL=loud", "DATABSE_URL=postgres://canary")
	g.Expect(ok).To(BeFalse())
	g.Expect(set).To(BeEmpty())
	g.Expect(log).To(Equal(`gantry: the configuration is not complete; process web does not start

  DATABASE_URL  is not set, and it is required; expected is a URL that begins with postgres://
                Where orders are kept
                DATABSE_URL is set: is that a misspelling? If not, set DATABASE_URL in the deployment.
  LOG_LEVEL     is "loud"; expected is one of debug, info
                Correct its value in the deployment.

  2 problems. Set BPL_CONFIG_CHECK=warn to start anyway.
`))
	g.Expect(termination).To(Equal(log))
}

func TestModesOfTheCheck(t *testing.T) {
	g := NewWithT(t)
	ok, _, log, termination := check(t, shop, machine(t, nil), "BPL_CONFIG_CHECK=warn", "DATABASE_URL=mysql://canary")
	g.Expect(ok).To(BeTrue())
	g.Expect(log).To(HavePrefix("gantry: the configuration is not complete; process web starts anyway (BPL_CONFIG_CHECK=warn)\n"))
	g.Expect(log + termination).NotTo(ContainSubstring("canary"))
	ok, _, log, _ = check(t, shop, machine(t, nil), "BPL_CONFIG_CHECK=off")
	g.Expect(ok).To(BeTrue())
	g.Expect(log).To(BeEmpty())
	ok, set, log, _ := check(t, shop, machine(t, nil), `PG_URL=postgres://h/a"b\c`, "NODE_OPTIONS=--report-signal=SIGUSR2")
	g.Expect(ok).To(BeTrue())
	g.Expect(set).To(Equal("DATABASE_URL = \"postgres://h/a\\\"b\\\\c\"\nGANTRY_REPORTS = \"" + filepath.Join(os.TempDir(), "gantry-reports") + "\"\nNODE_OPTIONS = \"--require=/layers/gantry/watch.cjs --report-signal=SIGUSR2\"\n"))
	g.Expect(log).To(Equal(`gantry: about the configuration of process web

  DATABASE_URL  is called PG_URL here, its old name
                Rename PG_URL to DATABASE_URL in the deployment; the old name is accepted, and passed on.

`))
}

// The runtime fits the container's limits, by the flags that its exact version knows; what the user set stays.
func TestSizes(t *testing.T) {
	v2 := func(memory, cpu string) map[string]string {
		return map[string]string{"sys/fs/cgroup/memory.max": memory + "\n", "sys/fs/cgroup/cpu.max": cpu + "\n"}
	}
	v1 := map[string]string{
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
	}
	for name, c := range map[string]struct {
		version string
		files   map[string]string
		environ []string
		want    []string
		not     []string
		log     string
	}{
		"no limits":        {version: "24.18.0", files: nil, environ: nil, want: nil, not: []string{"max-old-space", "WEB_CONCURRENCY"}, log: ""},
		"unlimited":        {version: "24.18.0", files: v2("max", "max 100000"), environ: nil, want: nil, not: []string{"max-old-space", "WEB_CONCURRENCY"}, log: ""},
		"a limit":          {version: "24.18.0", files: v2("1073741824", "200000 100000"), environ: nil, want: []string{"--max-old-space-size=768", `WEB_CONCURRENCY = "2"`}, not: nil, log: ""},
		"small":            {version: "24.18.0", files: v2("268435456", "50000 100000"), environ: nil, want: []string{"--max-old-space-size=153", `WEB_CONCURRENCY = "1"`}, not: nil, log: ""},
		"an older Node":    {version: "22.20.0", files: v2("536870912", "max"), environ: nil, want: []string{"--max-old-space-size=358"}, not: []string{"percentage"}, log: ""},
		"Node.js 23":       {version: "23.9.0", files: v2("536870912", "max"), environ: nil, want: []string{"--max-old-space-size=358"}, not: []string{"percentage"}, log: ""},
		"the oldest":       {version: "20.20.2", files: v2("1073741824", "max"), environ: nil, want: []string{"--max-old-space-size=768"}, not: []string{"--report"}, log: ""},
		"control groups 1": {version: "26.5.0", files: v1, environ: nil, want: []string{"--max-old-space-size=768", `WEB_CONCURRENCY = "2"`}, not: nil, log: ""},
		"chosen":           {version: "24.18.0", files: v2("1073741824", "max"), environ: []string{"NODE_OPTIONS=--max_old_space_size=100 --trace-warnings", "WEB_CONCURRENCY=7"}, want: []string{"--max_old_space_size=100 --trace-warnings"}, not: []string{"percentage", "WEB_CONCURRENCY"}, log: ""},
		"too many workers": {version: "24.18.0", files: v2("max", "100000 100000"), environ: []string{"WEB_CONCURRENCY=9"}, want: nil, not: nil,
			log: "gantry: WEB_CONCURRENCY is 9, and the container may use 1.0 processors: the workers will wait for each other\n"},
		"chosen too large": {version: "24.18.0", files: v2("268435456", "max"), environ: []string{"NODE_OPTIONS=--max-old-space-size=4096"}, want: nil, not: []string{"percentage"},
			log: "gantry: NODE_OPTIONS allows a heap of 4096 MiB, and the container has 256 MiB: it will be killed before the heap is full\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ok, set, log, _ := check(t, launch.Image{Runtime: "node", Version: c.version}, machine(t, c.files), c.environ...)
			g.Expect(ok).To(BeTrue())
			g.Expect(log).To(Equal(c.log))
			for _, want := range c.want {
				g.Expect(set).To(ContainSubstring(want))
			}
			for _, not := range c.not {
				g.Expect(set).NotTo(ContainSubstring(not))
			}
		})
	}
}

func TestWarningsOfTheMachine(t *testing.T) {
	g := NewWithT(t)
	m := machine(t, map[string]string{"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"})
	m.Clock = func() (float64, float64) { return 900, 180 }
	m.Files = func() uint64 { return 256 }
	m.Temporary = func() error { return errors.New("read-only") }
	ok, _, log, _ := check(t, launch.Image{}, m, "PORT=http", "BPL_LAUNCH_FACTS=true")
	g.Expect(ok).To(BeTrue(), "none of it keeps the application from starting")
	lines := strings.Split(strings.TrimSpace(log), "\n")
	g.Expect(lines[:4]).To(Equal([]string{
		"gantry: reading the clock takes a system call here (900 ns; a bare system call takes 180 ns): the clock source is hpet. The operator of the host can choose tsc or kvm-clock, or another machine type",
		"gantry: at most 256 files and connections can be open at a time; raise the limit (ulimits, nofile)",
		"gantry: temporary files cannot be written: mount a volume (an emptyDir, a tmpfs) at /tmp",
		`gantry: PORT is "http", which is no port from 1 to 65535`,
	}))
	var facts map[string]any
	g.Expect(json.Unmarshal([]byte(lines[4]), &facts)).To(Succeed())
	g.Expect(facts).To(HaveKeyWithValue("clock-source", "hpet"))
	g.Expect(facts).To(HaveKeyWithValue("clock-in-vdso", false))
}

// The measurement is of this machine; here it only has to be possible.
func TestTheClockCanBeMeasured(t *testing.T) {
	facts := launch.Host().Facts()
	NewWithT(t).Expect(facts.ClockReading).To(BeNumerically(">", 0))
	NewWithT(t).Expect(facts.SystemCall).To(BeNumerically(">", 0))
	t.Logf("clock %.0f ns, system call %.0f ns, %s, slow: %v", facts.ClockReading, facts.SystemCall, facts.ClockSource, facts.SlowClock())
}

func TestValuesFromFilesAndBindings(t *testing.T) {
	g := NewWithT(t)
	root := t.TempDir()
	for name, content := range map[string]string{"db/type": "postgresql\n", "db/uri": "postgres://bound\n", "key": "from a file\n"} {
		file := filepath.Join(root, name)
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	}
	image := launch.Image{Contract: contract.Contract{Variables: []contract.Variable{
		{Name: "DATABASE_URL", Type: "url", Required: true, Binding: "postgresql/uri"}, {Name: "KEY", Required: true},
	}}}
	ok, set, log, _ := check(t, image, machine(t, nil), "SERVICE_BINDING_ROOT="+root, "KEY_FILE="+filepath.Join(root, "key"))
	g.Expect(log).To(BeEmpty())
	g.Expect(ok).To(BeTrue())
	g.Expect(set).To(Equal("DATABASE_URL = \"postgres://bound\"\nKEY = \"from a file\"\n"))
}

// A process of Node.js in an image of Ruby is sized as one of Node.js; the others are not.
func TestAnotherRuntimeBeside(t *testing.T) {
	image := launch.Image{Runtime: "ruby", Version: "3.4.5", OtherRuntimes: map[string]string{"node": "24.18.0"}}
	limited := machine(t, map[string]string{"sys/fs/cgroup/memory.max": "1073741824\n"})
	set := func(program string) map[string]string {
		c := launch.Check{Image: image, Process: "render", Args: []string{program}, Machine: limited, Log: &bytes.Buffer{}, Layer: "/layers/gantry"}
		variables, ok := c.Run()
		NewWithT(t).Expect(ok).To(BeTrue())
		return variables
	}
	g := NewWithT(t)
	g.Expect(set("node")).To(HaveKeyWithValue("NODE_OPTIONS", ContainSubstring("--max-old-space-size=768")))
	g.Expect(set("node")).NotTo(HaveKey("RUBY_YJIT_ENABLE"))
	g.Expect(set("ruby")).NotTo(HaveKey("NODE_OPTIONS"))
	g.Expect(set("ruby")).To(HaveKey("RUBY_YJIT_ENABLE"))
}

// YJIT stays off where the container is small, or somebody says so; who starts Ruby with it decides himself.
func TestYJITStaysOff(t *testing.T) {
	layers := t.TempDir()
	script := filepath.Join(layers, agent.Layer, agent.NoYJITFile)
	NewWithT(t).Expect(os.MkdirAll(filepath.Dir(script), 0o755)).To(Succeed())
	NewWithT(t).Expect(os.WriteFile(script, nil, 0o644)).To(Succeed())
	for name, c := range map[string]struct {
		memory  string
		environ []string
		compile bool
		options string
	}{
		"much memory":      {memory: "1073741824", compile: true},
		"little memory":    {memory: "268435456", options: "-r" + script},
		"it is to be on":   {memory: "268435456", environ: []string{"BPL_YJIT=on"}, compile: true},
		"it is to be off":  {memory: "max", environ: []string{"BPL_YJIT=off", "RUBYOPT=-W0"}, options: "-r" + script + " -W0"},
		"Ruby's own word":  {memory: "268435456", environ: []string{"RUBYOPT=--yjit"}},
		"Ruby's own words": {memory: "268435456", environ: []string{"RUBY_YJIT_ENABLE=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			check := launch.Check{
				Image: launch.Image{Runtime: "ruby", Version: "3.4.5"}, Process: "web", Args: []string{"ruby"}, Environ: append(c.environ, "BPL_DIAGNOSTICS=off"),
				Machine: machine(t, map[string]string{"sys/fs/cgroup/memory.max": c.memory + "\n"}), Log: &bytes.Buffer{}, Layer: filepath.Join(layers, "gantry"),
			}
			set, ok := check.Run()
			g.Expect(ok).To(BeTrue())
			g.Expect(set["RUBY_YJIT_ENABLE"] == "1").To(Equal(c.compile))
			g.Expect(set["RUBYOPT"]).To(Equal(c.options))
		})
	}
}

func TestPreflight(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(launch.Preflight(shop, nil, []string{"DATABASE_URL=postgres://h"}, &out, &out)).To(Equal(0))
	g.Expect(out.String()).To(Equal("The configuration is complete: 2 variables checked.\n"))
	out.Reset()
	g.Expect(launch.Preflight(shop, []string{"--json"}, nil, &out, &out)).To(Equal(1))
	var report struct {
		OK       bool
		Findings []contract.Finding
	}
	g.Expect(json.Unmarshal(out.Bytes(), &report)).To(Succeed())
	g.Expect(report.OK).To(BeFalse())
	g.Expect(report.Findings).To(HaveLen(1))
	out.Reset()
	g.Expect(launch.Preflight(shop, []string{"--jsn"}, nil, &out, &out)).To(Equal(2))
}

// The inspector is open from the start when that is asked for, and beyond the container only when that is asked for, too.
func TestDebugMode(t *testing.T) {
	image := launch.Image{Runtime: "node", Version: "24.18.0"}
	host, err := os.Hostname()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	attach := func(port string) string {
		return "gantry: on your machine: kubectl port-forward pod/" + host + " " + port + ":" + port + ", then attach Chrome (chrome://inspect) or VS Code to localhost:" + port + "\n"
	}
	for name, c := range map[string]struct {
		environ  []string
		ok       bool
		set, log string
	}{
		"off":       {environ: []string{"BPL_DEBUG_PORT=9300"}, ok: true, set: "", log: "gantry: BPL_DEBUG_PORT changes nothing without BPL_DEBUG_ENABLED=true\n"},
		"forbidden": {environ: []string{"BPL_DEBUG_ENABLED=true", "BPL_CONSOLE_ENABLED=false"}, ok: true, set: "", log: "gantry: BPL_DEBUG_ENABLED is ignored: BPL_CONSOLE_ENABLED=false forbids debugging\n"},
		"looking":   {environ: []string{"BPL_DEBUG_ENABLED=true", "BPL_DIAGNOSTICS=off"}, ok: true, set: "", log: "gantry: BPL_DEBUG_ENABLED is ignored: BPL_DIAGNOSTICS=off forbids looking inside\n"},
		"on":        {environ: []string{"BPL_DEBUG_ENABLED=true"}, ok: true, set: " --inspect=127.0.0.1:9229", log: "gantry: the inspector listens on 127.0.0.1:9229\n" + attach("9229")},
		"suspended": {environ: []string{"BPL_DEBUG_ENABLED=true", "BPL_DEBUG_SUSPEND=true", "BPL_DEBUG_PORT=9300"}, ok: true, set: " --inspect-brk=127.0.0.1:9300", log: "gantry: the inspector listens on 127.0.0.1:9300, and the application waits for a debugger (BPL_DEBUG_SUSPEND)\n" + attach("9300")},
		"open": {environ: []string{"BPL_DEBUG_ENABLED=true", "BPL_DEBUG_HOST=0.0.0.0"}, ok: true, set: " --inspect=0.0.0.0:9229",
			log: "gantry: the inspector listens on 0.0.0.0:9229\ngantry: BPL_DEBUG_HOST opens it to the network: whoever reaches 0.0.0.0:9229 can run any code in the application\n" + attach("9229")},
		"by the user":                 {environ: []string{"BPL_DEBUG_ENABLED=true", "NODE_OPTIONS=--inspect=127.0.0.1:1234"}, ok: true, set: " --inspect=127.0.0.1:1234", log: "gantry: BPL_DEBUG_ENABLED and its port and address are ignored: NODE_OPTIONS has --inspect options of its own\n"},
		"no port":                     {environ: []string{"BPL_DEBUG_ENABLED=true", "BPL_DEBUG_PORT=http"}, ok: false, set: "", log: "gantry: BPL_DEBUG_PORT is \"http\"; expected is a number from 1 to 65535, or nothing for 9229. The application would start without knowing where its inspector listens\ngantry: process web does not start\n"},
		"as other buildpacks have it": {environ: []string{"BPL_DEBUG_ENABLED=1", "BPL_DEBUG_HOST=::1"}, ok: true, set: " --inspect=[::1]:9229", log: "gantry: the inspector listens on [::1]:9229\n" + attach("9229")},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ok, set, log, _ := check(t, image, machine(t, nil), c.environ...)
			g.Expect(ok).To(Equal(c.ok))
			g.Expect(log).To(Equal(c.log))
			if c.set == "" {
				g.Expect(set).NotTo(ContainSubstring("--inspect"))
			} else {
				g.Expect(set).To(MatchRegexp(regexp.QuoteMeta(c.set) + `"\n`))
			}
		})
	}
}

// Only files are read for a value: a pipe would be waited for, a device may have no end. LOG_FILE may be a variable of its own.
func TestWhatIsNoFile(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	g.Expect(syscall.Mkfifo(pipe, 0o600)).To(Succeed())
	g.Expect(os.WriteFile(large, make([]byte, 200<<10), 0o600)).To(Succeed())
	image := launch.Image{Contract: contract.Contract{Variables: []contract.Variable{{Name: "KEY", Required: true}, {Name: "LOG"}, {Name: "LOG_FILE"}, {Name: "DIR", Type: "path", MustExist: true}}}}
	for file, why := range map[string]string{pipe: "it is not a file", large: "it is larger than 128 KiB", dir: "it is not a file", "/dev/zero": "it is not a file", filepath.Join(dir, "gone"): "no such file or directory"} {
		ok, _, log, _ := check(t, image, machine(t, nil), "KEY_FILE="+file, "LOG_FILE="+pipe)
		g.Expect(ok).To(BeFalse())
		g.Expect(log).To(ContainSubstring("KEY  is to be read from " + file + " (KEY_FILE), which cannot be read: " + why + "\n"))
		g.Expect(log).NotTo(ContainSubstring("LOG  "))
	}
	ok, _, log, _ := check(t, image, machine(t, nil), "KEY=x", "DIR="+filepath.Join(dir, "gone"))
	g.Expect(ok).To(BeFalse())
	g.Expect(log).To(ContainSubstring("there is no such file or folder; expected is a path that is there"))
	ok, _, _, _ = check(t, image, machine(t, nil), "KEY=x", "DIR="+dir)
	g.Expect(ok).To(BeTrue())
}

// preflight checks the process types that are named, so that an init container of one does not ask for another's variables.
func TestPreflightOfProcessTypes(t *testing.T) {
	g := NewWithT(t)
	image := launch.Image{Processes: []string{"web", "worker"}, Contract: contract.Contract{Variables: []contract.Variable{
		{Name: "A", Required: true}, {Name: "QUEUE", Required: true, Processes: []string{"worker"}}, {Name: "OLD", Deprecated: "use A"},
	}, Groups: []contract.Group{{Kind: "at-least-one-of", Names: []string{"QUEUE"}}}}}
	for name, c := range map[string]struct {
		arguments []string
		code      int
		out       string
	}{
		"all":     {arguments: nil, code: 1, out: "QUEUE  is not set"},
		"web":     {arguments: []string{"web"}, code: 0, out: "The configuration is complete: 2 variables checked.\n"},
		"worker":  {arguments: []string{"worker"}, code: 1, out: "QUEUE  is not set"},
		"both":    {arguments: []string{"web", "worker"}, code: 1, out: "QUEUE  is not set"},
		"unknown": {arguments: []string{"wrker"}, code: 2, out: "gantry: there is no process type wrker; there are web, worker\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			g.Expect(launch.Preflight(image, c.arguments, []string{"A=x"}, &out, &out)).To(Equal(c.code))
			g.Expect(out.String()).To(ContainSubstring(c.out))
		})
	}
	var out bytes.Buffer
	g.Expect(launch.Preflight(image, []string{"web"}, []string{"A=x", "OLD=y"}, &out, &out)).To(Equal(0))
	g.Expect(out.String()).To(HaveSuffix("Warnings:\n\n  OLD  is deprecated: use A\n       Change the deployment; it is still accepted.\n"))
}
