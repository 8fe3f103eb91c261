package files_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/files"
)

// Whatever is done to a tree shows, even where its times are set back.
func TestStamp(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"written to": func(dir string) error { return os.WriteFile(dir+"/bin/node", []byte("other"), 0o755) },
		"written to, and set back": func(dir string) error {
			info, err := os.Stat(dir + "/bin/node")
			if err == nil {
				err = os.WriteFile(dir+"/bin/node", []byte("NODE"), 0o755)
			}
			if err == nil {
				err = os.Chtimes(dir+"/bin/node", time.Time{}, info.ModTime())
			}
			return err
		},
		"exchanged": func(dir string) error {
			if err := os.WriteFile(dir+"/x", []byte("node"), 0o755); err != nil {
				return err
			}
			return os.Rename(dir+"/x", dir+"/bin/node")
		},
		"a new file":    func(dir string) error { return os.WriteFile(dir+"/bin/npm", nil, 0o755) },
		"a file less":   func(dir string) error { return os.Remove(dir + "/bin/node") },
		"another mode":  func(dir string) error { return os.Chmod(dir+"/bin/node", 0o700) },
		"nothing there": func(dir string) error { return os.RemoveAll(dir) },
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := filepath.Join(t.TempDir(), "tree")
			g.Expect(os.MkdirAll(dir+"/bin", 0o755)).To(Succeed())
			g.Expect(os.WriteFile(dir+"/bin/node", []byte("node"), 0o755)).To(Succeed())
			before, err := files.Stamp(dir)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(files.Stamp(dir)).To(Equal(before))
			// The kernel's clock for files has steps of some milliseconds.
			time.Sleep(20 * time.Millisecond)
			g.Expect(change(dir)).To(Succeed())
			g.Expect(files.Stamp(dir)).NotTo(Equal(before))
		})
	}
}
