package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
)

// injected is a system call that fails once, in each thread that gets to it: strace(1), "Tampering".
type injected struct {
	call, with string
	when       int
}

// named finds the id of an error.
var named = regexp.MustCompile(`\[[a-z]+/[a-z-]+\]`)

// A disk that is full, broken, over its quota or read-only at any moment gives an error with a name, or the right image; and the next
// build has the image of a clean one. GANTRY_TEST_FAULTS is how many faults are tried at random.
func TestSystemCallsThatFail(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil || exec.Command(strace, "-qq", "-o", "/dev/null", "true").Run() != nil {
		t.Skip("not tested with system calls that fail: there is no strace that may be used")
	}
	faults := []injected{{"fchmodat", "ENOSPC", 3}, {"renameat,rename,renameat2", "EROFS", 5}, {"mkdirat,mkdir", "EDQUOT", 2}, {"symlinkat", "EIO", 1}}
	if text := os.Getenv("GANTRY_TEST_FAULTS"); text != "" {
		count := 0
		_, err := fmt.Sscan(text, &count)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		r := rand.New(rand.NewPCG(1, 1))
		calls := []string{"write", "renameat,rename,renameat2", "mkdirat,mkdir", "openat", "fsync", "linkat", "ftruncate", "pwrite64", "close", "unlinkat", "fchmodat", "symlinkat"}
		for range count {
			f := injected{calls[r.IntN(len(calls))], []string{"ENOSPC", "EIO", "EDQUOT", "EROFS"}[r.IntN(4)], 1 + r.IntN(12)}
			if f.call == "openat" {
				f.when += 30
			}
			faults = append(faults, f)
		}
	}
	p := newProject(t, map[string]string{
		"package.json": `{"name": "shop", "scripts": {"start": "node server.js", "build": "mkdir -p out && echo made > out/made"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "require('is-number')",
	})
	p.lock()
	build := func(prefix string) (digest, log string, err error) {
		out, err := p.cli(t.Context(), prefix).CombinedOutput()
		if match := digestLine.FindSubmatch(out); match != nil {
			digest = string(match[1])
		}
		return digest, string(out), err
	}
	clean, log, err := build("")
	p.Expect(err).NotTo(HaveOccurred(), log)
	failed := 0
	for n, f := range faults {
		if n%2 == 0 {
			p.cache = filepath.Join(t.TempDir(), "cache")
		}
		digest, log, err := build(fmt.Sprintf(`set -- %s -f -qq -o /dev/null -e trace=%s -e inject=%s:error=%s:when=%d "$@";`, strace, f.call, f.call, f.with, f.when))
		if err != nil {
			failed++
			// The message itself is written, too.
			if f.call != "write" {
				p.Expect(log).To(MatchRegexp(named.String()), "%v", f)
			}
		} else {
			p.Expect(digest).To(Equal(clean), "%v", f)
		}
		digest, log, err = build("")
		p.Expect(err).NotTo(HaveOccurred(), "after %v:\n%s", f, log)
		p.Expect(digest).To(Equal(clean), "after %v", f)
	}
	t.Logf("%d faults: %d builds failed with a message, the others made the image", len(faults), failed)
	p.Expect(failed).To(BeNumerically(">", 0))
}
