package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// output is what a program writes, while it writes.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// An application is built and started again when its source changes, with its build steps, and a mistake leaves the last one running.
func TestDev(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name":"shop","scripts":{"build":"mkdir -p dist && sed s/NAME/$(cat name.txt)/ server.js > dist/server.js","start":"node dist/server.js"}}`,
		"server.js":    "require('http').createServer((q, r) => r.end('NAME ' + process.env.LEVEL)).listen(process.env.PORT)\n", "name.txt": "one\n",
		".gitignore": "dist\n", "README.md": "",
	})
	write := func(name, text string) {
		p.Expect(os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644)).To(Succeed())
	}
	r := runner{p, gantryTool(t)}
	port := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, r.tool, "dev", p.dir, "--cache", p.cache, "-p", fmt.Sprint(port), "-e", "LEVEL=debug", "--name", fmt.Sprintf("dev-%d", port))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	var log output
	cmd.Stdout, cmd.Stderr = &log, &log
	p.Expect(cmd.Start()).To(Succeed())
	address := fmt.Sprintf("http://127.0.0.1:%d/", port)
	p.Expect(r.ask(address)).To(Equal("one debug"))
	answer := func() string {
		out, _ := exec.Command("curl", "-s", "--max-time", "2", address).Output()
		return string(out)
	}
	told := func() string { return strings.Join(strings.Fields(log.String()), " ") }

	write("name.txt", "two\n")
	p.Eventually(answer).WithTimeout(30 * time.Second).Should(Equal("two debug"))
	p.Expect(told()).To(And(ContainSubstring("gantry: name.txt changed"), ContainSubstring("gantry: started again after")))

	write("package.json", "{")
	p.Eventually(told).WithTimeout(30 * time.Second).Should(And(ContainSubstring("[node/package-json-invalid]"), ContainSubstring("gantry: the last image goes on")))
	p.Expect(answer()).To(Equal("two debug"))
	cancel()
	_ = cmd.Wait()
	p.Expect(answer()).To(BeEmpty())
}
