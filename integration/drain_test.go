package integration

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// After SIGTERM running requests finish, in applications without a handler of their own; the others are left alone; what
// takes too long is cut off; and the application can go on serving for a while first.
func TestDraining(t *testing.T) {
	p := newProject(t, map[string]string{
		"project.toml": "[dev.gantry.drain]\ntimeout = \"20s\"\n",
		"server.js": `if (process.env.OWN) process.on('SIGTERM', () => process.exit(9))
			require('http').createServer((q, r) => setTimeout(() => r.end('done'), q.url === '/slow' ? 1500 : 0)).listen(process.env.PORT)`,
	})
	p.build()
	for name, c := range map[string]struct {
		env      map[string]string
		finished bool
		code     int
		least    time.Duration
	}{
		"drained":         {env: nil, finished: true, code: 0, least: time.Second},
		"own handler":     {env: map[string]string{"OWN": "1"}, finished: false, code: 9, least: 0},
		"switched off":    {env: map[string]string{"BPL_DRAIN": "off"}, finished: false, code: 143, least: 0},
		"cut off":         {env: map[string]string{"BPL_DRAIN_TIMEOUT": "300ms"}, finished: false, code: 143, least: 300 * time.Millisecond},
		"serves on first": {env: map[string]string{"BPL_DRAIN_DELAY": "2s"}, finished: true, code: 0, least: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			started := p.start(localbuild.RunOptions{Env: c.env})
			started.get("/")
			answer := make(chan error, 1)
			go func() {
				_, err := slowRequest(started.port)
				answer <- err
			}()
			time.Sleep(300 * time.Millisecond)
			code, took := started.stop()
			g.Expect(code).To(Equal(c.code), started.out.String())
			g.Expect(took).To(BeNumerically(">=", c.least))
			if err := <-answer; c.finished {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(HaveOccurred())
			}
		})
	}
}

func slowRequest(port int) (string, error) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/slow", port))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}
