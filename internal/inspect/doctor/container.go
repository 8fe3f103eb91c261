package doctor

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
	"github.com/gantry-buildpack/gantry/internal/contract"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

func image(p Target) []Finding {
	runtime := "no runtime of its own"
	if p.Image.Runtime != "" {
		runtime = map[string]string{"node": "Node.js", "bun": "Bun", "ruby": "Ruby"}[p.Image.Runtime] + " " + p.Image.Version
	}
	text := runtime
	if p.Image.Buildpack != "" {
		text += ", built by Gantry " + p.Image.Buildpack
	}
	if p.Image.Revision != "" {
		text += " from revision " + p.Image.Revision
	}
	if len(p.Image.Processes) > 0 {
		text += "; process types " + strings.Join(p.Image.Processes, ", ")
	}
	return []Finding{{Check: "image", Status: OK, Text: text, Facts: map[string]any{
		"runtime": p.Image.Runtime, "version": p.Image.Version, "buildpack": p.Image.Buildpack, "revision": p.Image.Revision, "processes": p.Image.Processes,
	}}}
}

// nearLimit is the share of the memory from which on a container is close to its end.
const nearLimit = 0.9

func memory(p Target) []Finding {
	limit, used, kills := p.Facts.Memory, p.Machine.MemoryUsed(), p.Machine.OOMKills()
	f := Finding{Check: "memory", Status: OK, Text: mebibytes(used) + " used, no limit", Facts: map[string]any{"limit-bytes": limit, "used-bytes": used, "oom-kills": kills}}
	if used == 0 {
		f.Text = "not known: the container does not see its control group"
	} else if limit > 0 {
		f.Text = fmt.Sprintf("%s of %s used (%d %%)", mebibytes(used), mebibytes(limit), used*100/limit)
	}
	switch {
	case kills > 0:
		f.Status, f.Advice = Warning, "Give the container more memory, or see what grows: gantry profile heap."
		f.Text += fmt.Sprintf("; %d times the kernel has ended a process for want of it", kills)
	case limit > 0 && float64(used) > nearLimit*float64(limit):
		f.Status, f.Advice = Warning, "It is close to being ended by the kernel; see what grows: gantry profile heap."
	}
	return []Finding{f}
}

func processors(p Target) []Finding {
	quota := p.Facts.CPUs
	throttled, periods := p.Machine.Throttled()
	f := Finding{Check: "processors", Status: OK, Text: "no limit", Facts: map[string]any{"quota": quota, "throttled-periods": throttled, "periods": periods}}
	if quota > 0 {
		f.Text = fmt.Sprintf("at most %.2g, held back in %d of %d periods", quota, throttled, periods)
	}
	const often = 0.25
	if periods > 0 && float64(throttled) > often*float64(periods) {
		f.Status, f.Advice = Warning, "The application is often made to wait: raise the limit of the CPU, or see what takes it: gantry profile cpu."
	}
	return []Finding{f}
}

func clock(p Target) []Finding {
	facts := p.Facts
	source := cmp.Or(facts.ClockSource, "a source that is not known")
	f := Finding{Check: "clock", Status: OK, Text: fmt.Sprintf("%s, read in %.0f ns without a system call", source, facts.ClockReading),
		Facts: map[string]any{"source": facts.ClockSource, "read-ns": facts.ClockReading, "system-call-ns": facts.SystemCall}}
	if facts.SlowClock() {
		f.Status, f.Text = Warning, fmt.Sprintf("%s: each reading is a system call, %.0f ns", source, facts.ClockReading)
		f.Advice = "The operator of the host can choose tsc or kvm-clock, or another machine type."
	}
	return []Finding{f}
}

func files(p Target) []Finding {
	if err := p.Facts.Temporary; err != nil {
		return []Finding{{Check: "files", Status: Warning, Text: "temporary files cannot be written: " + err.Error(), Advice: "Mount a volume (an emptyDir, a tmpfs) at /tmp."}}
	}
	return []Finding{{Check: "files", Status: OK, Text: "temporary files can be written in " + os.TempDir()}}
}

func libraries(p Target) []Finding {
	list, err := sharedlib.Read(p.Image.Layers)
	if err != nil {
		return []Finding{{Check: "libraries", Status: Warning, Text: err.Error()}}
	}
	var found []Finding
	for _, lack := range list.Missing(p.Machine.Root, p.Environ["LD_LIBRARY_PATH"]) {
		found = append(found, Finding{Check: "libraries", Status: Problem, Text: lack.What() + " is missing, and " + strings.Join(lack.Users, ", ") + " needs it",
			Advice: "Add its package to packages in project.toml, or use a run image that has it; " + lack.Source() + "."})
	}
	if len(found) == 0 && len(list) > 0 {
		found = []Finding{{Check: "libraries", Status: OK, Text: fmt.Sprintf("all %d that the application needs are in the run image", list.Libraries())}}
	}
	return found
}

// configuration tells names only.
func configuration(p Target) []Finding {
	if p.Image.Contract.Empty() {
		return []Finding{{Check: "configuration", Status: OK, Text: "the application declares none"}}
	}
	var environ []string
	for _, name := range sortedNames(p.Environ) {
		environ = append(environ, name+"="+p.Environ[name])
	}
	result := p.Image.Check(nil, environ)
	list := []Finding{}
	for _, f := range result.Findings {
		status := Problem
		if f.Warning() {
			status = Warning
		}
		list = append(list, Finding{Check: "configuration", Status: status, Text: f.Name + ": " + kindText(f), Advice: "gantry preflight says what is expected."})
	}
	if len(list) == 0 {
		list = append(list, Finding{Check: "configuration", Status: OK, Text: problem.Count(len(p.Image.Contract.Variables), "declared variable") + ", all as they should be"})
	}
	return list
}

func kindText(f contract.Finding) string {
	return map[string]string{"missing": "is not set", "malformed": "has a value that does not fit", "group": "do not go together", "unreadable": "cannot be read", "renamed": "is set by its old name"}[f.Kind]
}

func crashes(p Target) []Finding {
	store := crash.Store(p.Elsewhere + string(crash.Open(p.Environ)))
	list, err := store.Names()
	if err != nil {
		return []Finding{{Check: "crashes", Status: Warning, Text: err.Error()}}
	}
	if len(list) == 0 {
		return []Finding{{Check: "crashes", Status: OK, Text: "none on record"}}
	}
	f := Finding{Check: "crashes", Status: Warning, Text: fmt.Sprintf("%d on record", len(list)), Advice: "gantry crash show " + list[0], Facts: map[string]any{"names": list}}
	if latest, err := store.Load(list[0]); err == nil {
		f.Text += fmt.Sprintf(", the latest at %s: %s", latest.Time.UTC().Format("2006-01-02 15:04:05"), latest.Message)
	}
	return []Finding{f}
}

// certificates are those that programs with OpenSSL trust; Node.js has its own, and takes more from NODE_EXTRA_CA_CERTS.
func certificates(p Target) []Finding {
	file := p.Environ["SSL_CERT_FILE"]
	if file == "" {
		file = "/etc/ssl/certs/ca-certificates.crt"
	}
	var list []Finding
	switch n, err := countCertificates(filepath.Join(p.Machine.Root, file)); {
	case err != nil:
		list = append(list, Finding{Check: "certificates", Status: Warning, Text: "the system trusts nobody: " + err.Error(), Advice: "Install ca-certificates in the run image, or set SSL_CERT_FILE."})
	default:
		list = append(list, Finding{Check: "certificates", Status: OK, Text: fmt.Sprintf("the system trusts %d authorities (%s)", n, file), Facts: map[string]any{"authorities": n}})
	}
	if extra := p.Environ["NODE_EXTRA_CA_CERTS"]; extra != "" {
		if n, err := countCertificates(filepath.Join(p.Machine.Root, extra)); err != nil {
			list = append(list, Finding{Check: "certificates", Status: Warning, Text: "NODE_EXTRA_CA_CERTS cannot be read: " + err.Error(), Advice: "Node.js goes on without it: correct the path, or mount the file."})
		} else {
			list = append(list, Finding{Check: "certificates", Status: OK, Text: fmt.Sprintf("Node.js trusts %d more (%s)", n, extra)})
		}
	}
	return list
}

func countCertificates(file string) (int, error) {
	text, err := os.ReadFile(file)
	return strings.Count(string(text), "BEGIN CERTIFICATE"), err
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n
}
