package elffile_test

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	gantry "github.com/gantry-buildpack/gantry/internal/install/elffile"
)

// A program runs as before without its symbol table, and is smaller.
func TestStrip(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	g.Expect(os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"runs\") }\n"), 0o644)).To(Succeed())
	program, stripped := filepath.Join(dir, "program"), filepath.Join(dir, "stripped")
	build := exec.Command("go", "build", "-o", program, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := build.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))

	g.Expect(gantry.Strip(program, stripped)).To(BeTrue())
	out, err = exec.Command(stripped).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(out)).To(Equal("runs\n"))
	before, err := os.Stat(program)
	g.Expect(err).NotTo(HaveOccurred())
	after, err := os.Stat(stripped)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after.Size()).To(BeNumerically("<", before.Size()*9/10))
	g.Expect(after.Mode()).To(Equal(before.Mode()))
	f, err := elf.Open(stripped)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Section(".symtab")).To(BeNil())
	g.Expect(f.Section(".text")).NotTo(BeNil())
	g.Expect(f.Close()).To(Succeed())

	g.Expect(gantry.Strip(stripped, filepath.Join(dir, "again"))).To(BeFalse(), "nothing is left to take off")
	g.Expect(gantry.Strip(source, filepath.Join(dir, "text"))).To(BeFalse(), "not a program")
	payload, err := os.ReadFile(program)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(program, append(payload, "what it unpacks"...), 0o755)).To(Succeed())
	g.Expect(gantry.Strip(program, filepath.Join(dir, "unpacks"))).To(BeFalse(), "something stands behind the program")
	g.Expect(filepath.Join(dir, "text")).NotTo(BeAnExistingFile())
}

// Damaged programs are left alone.
func FuzzStrip(f *testing.F) {
	if self, err := os.Executable(); err == nil {
		if text, err := os.ReadFile(self); err == nil {
			f.Add(text[:4096])
		}
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(_ *testing.T, content []byte) {
		dir, err := os.MkdirTemp("", "elf-")
		if err != nil {
			return
		}
		defer func() { _ = os.RemoveAll(dir) }()
		_ = os.WriteFile(filepath.Join(dir, "a"), content, 0o600)
		_, _ = gantry.Strip(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	})
}

// What a program needs of a library is the newest version alone: the others are there with it.
func TestNeeded(t *testing.T) {
	g := NewWithT(t)
	shell, err := exec.LookPath("bash")
	g.Expect(err).NotTo(HaveOccurred())
	f, err := elf.Open(shell)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = f.Close() }()
	needs, err := f.DynamicVersionNeeds()
	g.Expect(err).NotTo(HaveOccurred())
	of := map[string]int{}
	for _, need := range needs {
		of[need.Name] = len(need.Needs)
	}
	g.Expect(of["libc.so.6"]).To(BeNumerically(">", 1))

	list, own := gantry.Needed(shell, runtime.GOARCH)
	g.Expect(own).To(BeEmpty())
	i := slices.IndexFunc(list, func(n gantry.Need) bool { return n.Library == "libc.so.6" })
	g.Expect(i).To(BeNumerically(">=", 0))
	g.Expect(list[i].Versions).To(HaveLen(1))
	g.Expect(list[i].Versions[0]).To(MatchRegexp(`^GLIBC_2\.[1-9][0-9]$`))

	other := filepath.Join(t.TempDir(), "other")
	content, err := os.ReadFile(shell)
	g.Expect(err).NotTo(HaveOccurred())
	// The machine is the third field: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html.
	binary.LittleEndian.PutUint16(content[18:], uint16(elf.EM_RISCV))
	g.Expect(os.WriteFile(other, content, 0o600)).To(Succeed())
	for _, file := range []string{os.DevNull, other} {
		list, own = gantry.Needed(file, runtime.GOARCH)
		g.Expect(list).To(BeEmpty())
		g.Expect(own).To(BeEmpty())
	}
}
