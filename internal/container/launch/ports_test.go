package launch_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
)

// listen is what the test program does as a web process: it listens at addresses until its input ends.
func listen(addresses []string) {
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		defer func() { _ = l.Close() }()
	}
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// listener starts it.
func listener(t *testing.T, addresses ...string) {
	g := NewWithT(t)
	cmd := exec.Command(os.Args[0], append([]string{"listen"}, addresses...)...)
	in, err := cmd.StdinPipe()
	g.Expect(err).NotTo(HaveOccurred())
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	said := make([]byte, 3)
	_, err = io.ReadFull(out, said)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(said)).To(Equal("up\n"))
}

// portOf gives a port at which nobody listens.
func portOf(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// The children of the test are those of gantry init: so the cases follow one another.
func TestWatchPorts(t *testing.T) {
	port, other := portOf(t), portOf(t)
	for port == other {
		other = portOf(t)
	}
	p, o := strconv.Itoa(port), strconv.Itoa(other)
	fixed := []launch.Listen{{Port: other, Advice: "server.js:3:1 has app.listen(" + o + ")"}}
	for name, c := range map[string]struct {
		at      []string
		environ []string
		args    string
		process string
		listens []launch.Listen
		want    string
	}{
		"at PORT":                       {at: []string{"0.0.0.0:" + p}, environ: []string{"PORT=" + p}},
		"at PORT, by version 6":         {at: []string{"[::]:" + p}, environ: []string{"PORT=" + p}},
		"at PORT, and at another":       {at: []string{"0.0.0.0:" + o, "127.0.0.1:0", "0.0.0.0:" + p}, environ: []string{"PORT=" + p}},
		"without PORT":                  {at: []string{"0.0.0.0:" + o}},
		"another process type":          {at: []string{"0.0.0.0:" + o}, environ: []string{"PORT=" + p}, process: "worker"},
		"at another":                    {at: []string{"0.0.0.0:" + o}, environ: []string{"PORT=" + p}, want: "gantry: web listens on port " + o + ", and PORT is " + p + ", where the platform asks: let the application read PORT, or set PORT=" + o + " where it is deployed\n"},
		"at another, known":             {at: []string{"0.0.0.0:" + o}, environ: []string{"PORT=" + p}, listens: fixed, want: "gantry: web listens on port " + o + ", and PORT is " + p + ", where the platform asks: server.js:3:1 has app.listen(" + o + ")\n"},
		"on loopback":                   {at: []string{"127.0.0.1:" + p}, environ: []string{"PORT=" + p}, want: "gantry: web listens on 127.0.0.1:" + p + ", which only the container itself reaches (and what else is in its pod): listen on 0.0.0.0\n"},
		"on loopback, without PORT":     {at: []string{"[::1]:" + o}, want: "gantry: web listens on [::1]:" + o + ", which only the container itself reaches (and what else is in its pod): listen on 0.0.0.0\n"},
		"nowhere":                       {environ: []string{"PORT=" + p}, want: "gantry: web has opened no port in 20ms, and the platform asks at PORT, which is " + p + ": listen there, on 0.0.0.0\n"},
		"nowhere, without PORT":         {},
		"an inspector for all":          {at: []string{"0.0.0.0:" + o}, environ: []string{"PORT=" + p, "NODE_OPTIONS=--inspect=0.0.0.0:" + o}, want: "gantry: web has opened no port in 20ms, and the platform asks at PORT, which is " + p + ": listen there, on 0.0.0.0\n"},
		"an inspector by its option":    {at: []string{"127.0.0.1:" + o}, args: "--inspect=" + o},
		"only the inspector":            {at: []string{"127.0.0.1:" + o}, environ: []string{"BPL_DEBUG_PORT=" + o}},
		"the inspector, and at another": {at: []string{"127.0.0.1:" + p, "0.0.0.0:" + o}, environ: []string{"BPL_DEBUG_PORT=" + p, "PORT=" + p}, listens: fixed, want: "gantry: web listens on port " + o + ", and PORT is " + p + ", where the platform asks: server.js:3:1 has app.listen(" + o + ")\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			if len(c.at) > 0 {
				listener(t, c.at...)
			}
			process := "web"
			if c.process != "" {
				process = c.process
			}
			var log bytes.Buffer
			var args []string
			if c.args != "" {
				args = []string{"node", c.args}
			}
			launch.Check{
				Args: args, Image: launch.Image{Listens: c.listens}, Process: process, Environ: c.environ, Log: &log,
				Looks: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond},
			}.WatchPorts()
			g.Expect(log.String()).To(Equal(c.want))
		})
	}
}
