package localbuild

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// How long a start may take until it listens, how often that is looked for, and how long the process may take to end.
const (
	startTime = 15 * time.Second
	startLook = 50 * time.Millisecond
	endTime   = 10 * time.Second
)

// outputLines is how much of the output of a failed start is shown.
const outputLines = 20

// verify starts the image's default process for a moment. It is an error when that ends.
func (b *build) verify(ctx context.Context, image v1.Image) error {
	port, err := freePort()
	if err != nil {
		return fmt.Errorf("find a port for the start: %w", err)
	}
	env := map[string]string{"PORT": port}
	maps.Copy(env, b.options.RunEnv)
	end := b.report.Step("Verify", "starting the image")
	var output bytes.Buffer
	start := time.Now()
	c, err := run.Start(ctx, image, filepath.Join(b.options.Home, "run"), run.Options{Env: env}, &output, &output)
	if err != nil {
		end("")
		return err
	}
	ended := make(chan int, 1)
	go func() {
		code, _ := c.Wait()
		ended <- code
	}()
	listens, code, over := watchStart(ctx, net.JoinHostPort("127.0.0.1", env["PORT"]), ended)
	took := time.Since(start).Round(100 * time.Millisecond)
	if !over {
		stopStart(c, ended)
	}
	switch {
	case ctx.Err() != nil:
		end("")
		return interrupted(ctx.Err())
	case over:
		end("")
		return doesNotStart(code, took, output.String())
	case listens:
		end("the image starts, and listens at PORT")
	default:
		end("the image starts; " + cmp.Or(elsewhere(output.String()), "nothing listens at PORT"))
	}
	return nil
}

// watchStart waits until a started image listens or ends; over is true when it has ended.
func watchStart(ctx context.Context, address string, ended <-chan int) (listens bool, code int, over bool) {
	looks := time.NewTicker(startLook)
	defer looks.Stop()
	limit := time.After(startTime)
	for {
		select {
		case code := <-ended:
			return false, code, true
		case <-ctx.Done():
			return false, 0, false
		case <-limit:
			return false, 0, false
		case <-looks.C:
			connection, err := net.DialTimeout("tcp", address, startLook)
			if err == nil {
				return true, 0, connection.Close() != nil
			}
		}
	}
}

// elsewhere is what the image's own program says of where the application listens instead.
func elsewhere(output string) string {
	for line := range strings.Lines(output) {
		if said, found := strings.CutPrefix(strings.TrimSpace(line), "gantry: web "); found {
			return "web " + said
		}
	}
	return ""
}

func stopStart(c *run.Container, ended <-chan int) {
	// What has ended meanwhile is gone anyway.
	_ = c.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(endTime):
		_ = c.Process.Kill()
		<-ended
	}
}

func doesNotStart(code int, took time.Duration, output string) error {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	return &problem.Problem{
		ID:     "localbuild/does-not-start",
		Title:  "the image was built, and does not start",
		Why:    fmt.Sprintf("its default process ended with exit code %d after %s; its last lines are shown", code, took),
		Hints:  []string{"Give variables that it needs with --run-env NAME=VALUE.", "Correct what its last lines say. The image was not written or pushed."},
		Output: strings.Join(lines[max(0, len(lines)-outputLines):], "\n"),
	}
}

// freePort gives a port of the loopback address that nothing listens at.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err == nil {
		err = l.Close()
	}
	return port, err
}
