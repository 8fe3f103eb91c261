package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// The test program becomes the server when it is called so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := run(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "static:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start serves a folder, and gives the address.
func start(t *testing.T, arguments ...string) (cmd *exec.Cmd, address string) {
	g := NewWithT(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	address = l.Addr().String()
	g.Expect(l.Close()).To(Succeed())
	_, port, _ := net.SplitHostPort(address)
	cmd = exec.Command(os.Args[0], append([]string{"serve"}, arguments...)...)
	cmd.Env = append(os.Environ(), "PORT="+port, "HOST=127.0.0.1")
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(line).To(Equal(fmt.Sprintf("Serving %s on port %s\n", arguments[0], port)))
	return cmd, address
}

// A client that never reads does not hold the container: at SIGTERM it has a few seconds. One that reads, however slowly, gets all.
func TestSlowReaders(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	large := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	g.Expect(os.WriteFile(filepath.Join(dir, "large.bin"), large, 0o644)).To(Succeed())
	cmd, address := start(t, dir)
	for range 5 {
		never, err := net.Dial("tcp", address)
		g.Expect(err).NotTo(HaveOccurred())
		defer func() { _ = never.Close() }()
		_, err = io.WriteString(never, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
		g.Expect(err).NotTo(HaveOccurred())
	}
	response, err := http.Get("http://" + address + "/large.bin")
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	begin := make([]byte, 1<<20)
	_, err = io.ReadFull(response.Body, begin)
	g.Expect(err).NotTo(HaveOccurred())

	asked := time.Now()
	g.Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	read := len(begin)
	for {
		n, err := response.Body.Read(begin)
		read += n
		if err == io.EOF {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		if read < 16<<20 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	g.Expect(read).To(Equal(len(large)), "who reads gets all")
	g.Expect(cmd.Wait()).To(Succeed())
	g.Expect(time.Since(asked)).To(BeNumerically("<", hurry+5*time.Second))
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"no folder":         {nil, "usage: static FOLDER [SITE.json]"},
		"one that is not":   {[]string{"/nowhere"}, "open /nowhere: no such file or directory"},
		"no site":           {[]string{".", "/nowhere.json"}, "open /nowhere.json: no such file or directory"},
		"a site of no JSON": {[]string{".", "main.go"}, "read main.go: invalid character '/' looking for beginning of value"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(run(c.arguments)).To(MatchError(c.want))
		})
	}
}

// A site that was meant to be closed does not open.
func TestClosedSite(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "site.json")
	g.Expect(os.WriteFile(file, []byte(`{"basic-auth":true}`), 0o644)).To(Succeed())
	cmd := exec.Command(os.Args[0], "serve", ".", file)
	out, err := cmd.CombinedOutput()
	g.Expect(err).To(HaveOccurred())
	g.Expect(strings.TrimSpace(string(out))).To(Equal("static: the site asks for a name and a password: set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD, or give a binding of the type htpasswd"))
}

// HTTP/2 is understood without TLS, as proxies speak it to what is behind them.
func TestHTTP2(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.WriteFile(filepath.Join(dir, "index.html"), bytes.Repeat([]byte("x"), 1<<20), 0o644)).To(Succeed())
	_, address := start(t, dir)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	response, err := client.Get("http://" + address + "/")
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	g.Expect(response.Proto).To(Equal("HTTP/2.0"))
	text, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(HaveLen(1 << 20))
}
