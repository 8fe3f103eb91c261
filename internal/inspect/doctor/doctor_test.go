package doctor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/inspect/doctor"
)

func patient(t *testing.T, files map[string]string, environ map[string]string) doctor.Target {
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
	}
	m := launch.Machine{
		Root: root, Clock: func() (float64, float64) { return 25, 180 }, Files: func() uint64 { return 1 << 20 }, Temporary: func() error { return nil },
	}
	if environ == nil {
		environ = map[string]string{}
	}
	environ["BPL_CRASH_DIR"] = filepath.Join(root, "crashes")
	return doctor.Target{Machine: m, Facts: m.Facts(), Proc: "/proc", Environ: environ, Image: launch.Image{
		Runtime: "node", Version: "24.18.0", Buildpack: "1.2.3", Revision: "4f2a", Processes: []string{"web", "worker"},
	}}
}

// lines are those of the findings of some checks.
func findings(t *testing.T, p doctor.Target, check string) (list []doctor.Finding, code int) {
	var out bytes.Buffer
	code = doctor.Run(p, true, &out)
	var answer struct{ Findings []doctor.Finding }
	NewWithT(t).Expect(json.Unmarshal(out.Bytes(), &answer)).To(Succeed())
	for _, f := range answer.Findings {
		f.Facts = nil
		if f.Check == check {
			list = append(list, f)
		}
	}
	return list, code
}

const certificates = "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n"

// What the application needs and the run image lacks is told with who needs it.
func TestLibraries(t *testing.T) {
	g := NewWithT(t)
	p := patient(t, map[string]string{"lib/libyaml-0.so.2": ""}, nil)
	p.Image.Layers = t.TempDir()
	list := sharedlib.List{"libyaml-0.so.2": {"Ruby"}}
	keep := func() {
		g.Expect(os.MkdirAll(filepath.Join(p.Image.Layers, "gems"), 0o755)).To(Succeed())
		g.Expect(list.Write(filepath.Join(p.Image.Layers, "gems"))).To(Succeed())
	}
	keep()
	found, _ := findings(t, p, "libraries")
	g.Expect(found).To(Equal([]doctor.Finding{{Check: "libraries", Status: doctor.OK, Text: "all 1 that the application needs are in the run image"}}))

	list.Add("libpq.so.5", "", "pg")
	keep()
	found, code := findings(t, p, "libraries")
	g.Expect(code).To(Equal(1))
	g.Expect(found).To(Equal([]doctor.Finding{{Check: "libraries", Status: doctor.Problem, Text: "libpq.so.5 is missing, and pg needs it",
		Advice: "Add its package to packages in project.toml, or use a run image that has it; on Debian and Ubuntu it is likely the package libpq5."}}))
}

func TestChecks(t *testing.T) {
	healthy := map[string]string{
		"sys/fs/cgroup/memory.max": "536870912\n", "sys/fs/cgroup/memory.current": "300000000\n", "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 31564544\n",
		"sys/fs/cgroup/memory.events": "low 0\noom_kill 0\n", "sys/fs/cgroup/cpu.max": "150000 100000", "sys/fs/cgroup/cpu.stat": "nr_periods 100\nnr_throttled 3\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n", "etc/ssl/certs/ca-certificates.crt": certificates, "etc/resolv.conf": "search local\n",
	}
	for name, c := range map[string]struct {
		check   string
		change  map[string]string
		environ map[string]string
		want    doctor.Finding
	}{
		"image":      {check: "image", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "Node.js 24.18.0, built by Gantry 1.2.3 from revision 4f2a; process types web, worker"}},
		"memory":     {check: "memory", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "256 MiB of 512 MiB used (50 %)"}},
		"memory, v1": {check: "memory", change: map[string]string{"sys/fs/cgroup/memory.max": "", "sys/fs/cgroup/memory.current": "", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/memory/memory.usage_in_bytes": "104857600"}, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "100 MiB of 1024 MiB used (9 %)"}},
		"killed": {check: "memory", change: map[string]string{"sys/fs/cgroup/memory.events": "oom_kill 2\n"}, environ: nil, want: doctor.Finding{Status: doctor.Warning,
			Text: "256 MiB of 512 MiB used (50 %); 2 times the kernel has ended a process for want of it", Advice: "Give the container more memory, or see what grows: gantry profile heap."}},
		"nearly full": {check: "memory", change: map[string]string{"sys/fs/cgroup/memory.current": "536000000"}, environ: nil, want: doctor.Finding{Status: doctor.Warning,
			Text: "481 MiB of 512 MiB used (93 %)", Advice: "It is close to being ended by the kernel; see what grows: gantry profile heap."}},
		"processors": {check: "processors", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "at most 1.5, held back in 3 of 100 periods"}},
		"throttled": {check: "processors", change: map[string]string{"sys/fs/cgroup/cpu.stat": "nr_periods 100\nnr_throttled 60\n"}, environ: nil, want: doctor.Finding{Status: doctor.Warning,
			Text: "at most 1.5, held back in 60 of 100 periods", Advice: "The application is often made to wait: raise the limit of the CPU, or see what takes it: gantry profile cpu."}},
		"clock":        {check: "clock", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "tsc, read in 25 ns without a system call"}},
		"certificates": {check: "certificates", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "the system trusts 2 authorities (/etc/ssl/certs/ca-certificates.crt)"}},
		"no servers": {check: "names", change: nil, environ: nil, want: doctor.Finding{Status: doctor.Warning,
			Text: "resolv.conf names no server", Advice: "Hosts are found by /etc/hosts alone; see the container's DNS settings."}},
		"a server that is not there": {check: "names", change: map[string]string{"etc/resolv.conf": "nameserver 127.77.0.1\n"}, environ: nil, want: doctor.Finding{Status: doctor.Warning,
			Text: "127.77.0.1 does not answer: connection refused", Advice: "Hosts may not be found: see the network policy, and the container's DNS settings."}},
		"configuration": {check: "configuration", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "the application declares none"}},
		"crashes":       {check: "crashes", change: nil, environ: nil, want: doctor.Finding{Status: doctor.OK, Text: "none on record"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			files := map[string]string{}
			for file, content := range healthy {
				files[file] = content
			}
			for file, content := range c.change {
				files[file] = content
			}
			list, code := findings(t, patient(t, files, c.environ), c.check)
			c.want.Check = c.check
			g.Expect(list).To(Equal([]doctor.Finding{c.want}))
			g.Expect(code).To(Equal(0))
		})
	}
}

// Names of variables are told, and no values; what is missing is a problem, and the exit code says so.
func TestConfigurationAndCrashes(t *testing.T) {
	g := NewWithT(t)
	p := patient(t, nil, map[string]string{"LOG_LEVEL": "canary-loud"})
	p.Image.Contract = contract.Contract{Variables: []contract.Variable{
		{Name: "DATABASE_URL", Type: "url", Required: true, Secret: true}, {Name: "LOG_LEVEL", Values: []string{"debug"}},
	}}
	_, err := crash.Open(p.Environ).Save(crash.Record{Time: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC), PID: 7, Message: "the application ended by signal 11 (segmentation fault)"})
	g.Expect(err).NotTo(HaveOccurred())
	p.Facts.Temporary = errors.New("read-only file system")
	p.Facts.ClockReading, p.Facts.ClockSource = 400, "hpet"
	var out bytes.Buffer
	g.Expect(doctor.Run(p, false, &out)).To(Equal(1))
	text := out.String()
	g.Expect(text).NotTo(ContainSubstring("canary"))
	g.Expect(text).To(ContainSubstring(`
! clock          hpet: each reading is a system call, 400 ns
                 The operator of the host can choose tsc or kvm-clock, or another machine type.
`))
	g.Expect(text).To(ContainSubstring(`
! files          temporary files cannot be written: read-only file system
                 Mount a volume (an emptyDir, a tmpfs) at /tmp.
✗ configuration  DATABASE_URL: is not set
                 gantry preflight says what is expected.
✗                LOG_LEVEL: has a value that does not fit
                 gantry preflight says what is expected.
! crashes        1 on record, the latest at 2026-11-24 01:02:03: the application ended by signal 11 (segmentation fault)
                 gantry crash show 20261124T010203.000-7

2 problems, `))
}

// A process that does not go on is told of, without a signal to it.
func TestProcessesThatDoNotGoOn(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	for name, c := range map[string]struct {
		script string
		stop   bool
		want   doctor.Status
		advice string
	}{
		"idle":            {script: "setInterval(() => {}, 1000)", want: doctor.OK},
		"an endless loop": {script: "setTimeout(() => { for (;;) ; }, 100)", want: doctor.Warning, advice: "Its main thread wants a whole processor, so that its event loop may be blocked: gantry stacks shows what runs, gantry lag for how long."},
		"stopped":         {script: "setInterval(() => {}, 1000)", stop: true, want: doctor.Problem, advice: "It is stopped by a signal and serves nothing: kill -CONT PID lets it go on."},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cmd := exec.Command(node, "-e", c.script)
			g.Expect(cmd.Start()).To(Succeed())
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			time.Sleep(time.Second)
			if c.stop {
				g.Expect(cmd.Process.Signal(syscall.SIGSTOP)).To(Succeed())
			}
			list, _ := findings(t, patient(t, nil, nil), "processes")
			pid := fmt.Sprint(cmd.Process.Pid)
			for _, f := range list {
				if strings.HasPrefix(f.Text, pid+" ") {
					g.Expect(f.Status).To(Equal(c.want))
					g.Expect(f.Advice).To(Equal(strings.ReplaceAll(c.advice, "PID", pid)))
					return
				}
			}
			t.Fatalf("process %s is not among %v", pid, list)
		})
	}
}
