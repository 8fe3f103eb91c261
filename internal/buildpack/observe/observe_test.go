package observe_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
)

// folder makes a folder of some files.
func folder(t *testing.T) observe.Source {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.Mkdir(filepath.Join(dir, "src"), 0o755)).To(Succeed())
	for _, name := range []string{"a", "b", "src/c", "src/tool"} {
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o644)).To(Succeed())
	}
	g.Expect(os.Chmod(filepath.Join(dir, "src/tool"), 0o755)).To(Succeed())
	g.Expect(os.Symlink("a", filepath.Join(dir, "link"))).To(Succeed())
	return observe.Source{Dir: dir}
}

// Every way to come to a file's content shows, in both ways to observe; to look for names does not.
func TestReads(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		reads  []string
		// opens: only who is told of opened files sees it.
		opens bool
	}{
		"nothing":                       {script: "true"},
		"names":                         {script: "ls -lR; find .; [ -e a ]; [ -x src/tool ]"},
		"a file":                        {script: "cat a", reads: []string{"a"}},
		"through a link":                {script: "cat link", reads: []string{"a"}},
		"by a pattern":                  {script: "cat src/*", reads: []string{"src/c", "src/tool"}},
		"all":                           {script: "grep -r x . || true", reads: []string{"a", "b", "src/c", "src/tool"}},
		"a copy":                        {script: "cp a copy", reads: []string{"a"}},
		"a copy that may be a clone":    {script: "cp --reflink=auto a copy", reads: []string{"a"}},
		"mapped into memory":            {script: "python3 -c 'import mmap; f = open(\"b\"); mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[0]'", reads: []string{"b"}},
		"executed":                      {script: "src/tool", reads: []string{"src/tool"}},
		"renamed, then read":            {script: "mv a x; cat x", reads: []string{"a"}},
		"its folder renamed, then read": {script: "mv src other; cat other/c", reads: []string{"src/c", "src/tool"}},
		"renamed and back":              {script: "mv a x; cat x; mv x a", reads: []string{"a"}},
		"by another name":               {script: "ln a x; cat x", reads: []string{"a"}},
		"removed":                       {script: "rm a", reads: []string{"a"}},
		"written":                       {script: "echo > a", reads: []string{"a"}},
		"appended to":                   {script: "echo >> a", reads: []string{"a"}},
		"times set back after it":       {script: "touch -r a t; cat a; touch -r t a", reads: []string{"a"}},
		"made executable":               {script: "chmod +x b", reads: []string{"b"}},
		"its size alone":                {script: "wc -c < a", reads: []string{"a"}, opens: true},
	} {
		for _, sight := range []observe.Sight{observe.Opens, observe.Accesses} {
			t.Run(name+" by "+string(sight), func(t *testing.T) {
				if c.opens && sight != observe.Opens {
					t.Skip("not tested by access times: they show no look at the size alone")
				}
				g := NewWithT(t)
				s := folder(t)
				before, err := s.Read(nil)
				g.Expect(err).NotTo(HaveOccurred())
				before, err = s.Digest(before)
				g.Expect(err).NotTo(HaveOccurred())
				w, err := s.Watch(before, sight)
				g.Expect(err).NotTo(HaveOccurred())
				cmd := exec.Command("/bin/sh", "-c", c.script)
				cmd.Dir = s.Dir
				out, err := cmd.CombinedOutput()
				g.Expect(err).NotTo(HaveOccurred(), string(out))
				after, err := s.Read(w.Tree)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(w.Reads(after)).To(Equal(c.reads))
			})
		}
	}
}

// A clock that was set back, or files from the future, hide no read.
func TestReadsWithWrongTimes(t *testing.T) {
	for name, then := range map[string]time.Time{"from the future": time.Now().AddDate(50, 0, 0), "from before all": time.Unix(0, 0), "from now": time.Now()} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := folder(t)
			g.Expect(os.Chtimes(filepath.Join(s.Dir, "a"), then, then)).To(Succeed())
			before, err := s.Read(nil)
			g.Expect(err).NotTo(HaveOccurred())
			w, err := s.Watch(before, observe.Accesses)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = os.ReadFile(filepath.Join(s.Dir, "a"))
			g.Expect(err).NotTo(HaveOccurred())
			after, err := s.Read(w.Tree)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(w.Reads(after)).To(Equal([]string{"a"}))
		})
	}
}

// More files are opened than the kernel's queue holds: all that happened is known, or all files count.
func TestManyReads(t *testing.T) {
	g := NewWithT(t)
	s := folder(t)
	before, err := s.Read(nil)
	g.Expect(err).NotTo(HaveOccurred())
	w, err := s.Watch(before, observe.Opens)
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do : < a; : < src/c; i=$((i+1)); done")
	cmd.Dir = s.Dir
	g.Expect(cmd.Run()).To(Succeed())
	after, err := s.Read(w.Tree)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Reads(after)).To(ContainElements("a", "src/c"))
}

// Where nothing can be written, reads do not show.
func TestBlind(t *testing.T) {
	g := NewWithT(t)
	sight, why := observe.Source{Dir: "/proc"}.Sees()
	g.Expect(sight).To(Equal(observe.Blind))
	g.Expect(why).To(MatchError(observe.ErrBlind))
	sight, why = folder(t).Sees()
	g.Expect(sight).To(Equal(observe.Opens))
	g.Expect(why).NotTo(HaveOccurred())
}

// What changed is told by content, kind and mode; what was written with the same content did not change.
func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		script     string
		made, gone []string
	}{
		"nothing":            {script: "cat a"},
		"the same content":   {script: "cp a x; cat x > a; rm x"},
		"another":            {script: "echo > a", made: []string{"a"}},
		"another mode":       {script: "chmod 600 a", made: []string{"a"}},
		"a new folder":       {script: "mkdir -p out/deep", made: []string{"out", "out/deep"}},
		"a link":             {script: "ln -sf b link", made: []string{"link"}},
		"a link for a file":  {script: "ln -sf b a", made: []string{"a"}},
		"a file is gone":     {script: "rm a", gone: []string{"a"}},
		"a folder is a file": {script: "rm -r src; echo > src", made: []string{"src"}, gone: []string{"src/c", "src/tool"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := folder(t)
			before, err := s.Read(nil)
			g.Expect(err).NotTo(HaveOccurred())
			before, err = s.Digest(before)
			g.Expect(err).NotTo(HaveOccurred())
			cmd := exec.Command("/bin/sh", "-c", c.script)
			cmd.Dir = s.Dir
			g.Expect(cmd.Run()).To(Succeed())
			after, err := s.Read(before)
			g.Expect(err).NotTo(HaveOccurred())
			changes, now, err := s.Changes(before, after)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(changes.Gone).To(Equal(c.gone))
			made := []string{}
			for name := range changes.Made {
				made = append(made, name)
			}
			g.Expect(made).To(ConsistOf(c.made))
			g.Expect(before.With(changes).Names()).To(Equal(now.Names()))
			g.Expect(observe.Differ(before.Names(), now.Names()) == "").To(Equal(observe.Differ(now.Names(), before.Names()) == ""))
		})
	}
}

func TestDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		before, now []string
		want        string
	}{
		"nothing":      {before: []string{"file a"}, now: []string{"file a"}},
		"a new one":    {before: []string{"file a"}, now: []string{"file a", "file b"}, want: "b is new"},
		"one less":     {before: []string{"file a", "file b"}, now: []string{"file a"}, want: "b was removed"},
		"executable":   {before: []string{"file a"}, now: []string{"program a"}, want: "a is another kind of file"},
		"another link": {before: []string{"link a -> b"}, now: []string{"link a -> c"}, want: "a leads elsewhere"},
		"of none":      {now: []string{"folder x"}, want: "x is new"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(observe.Differ(c.before, c.now)).To(Equal(c.want))
		})
	}
}

// The kernel's counters, as programs of all kinds move them.
func TestTraffic(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	read := observe.Counters()
	for name, c := range map[string]struct {
		network string
		send    bool
	}{"a connection": {"tcp", false}, "a datagram": {"udp", true}} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			before, err := read()
			g.Expect(err).NotTo(HaveOccurred())
			connection, err := net.Dial(c.network, listener.Addr().String())
			g.Expect(err).NotTo(HaveOccurred())
			if c.send {
				_, _ = connection.Write([]byte("x"))
			}
			g.Expect(connection.Close()).To(Succeed())
			after, err := read()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after).NotTo(Equal(before))
		})
	}
}

// A program that cannot get more privileges is seen to connect to others, on this machine, too, and not to itself.
func TestSockets(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = server.Close() }()
	other := strconv.Itoa(server.Addr().(*net.TCPAddr).Port)
	const itself = "import socket, threading; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); s.accept()"
	for name, c := range map[string]struct {
		program string
		want    bool
	}{
		"no sockets":            {program: "pass"},
		"of this machine":       {program: "import socket; socket.socketpair(); socket.socket(socket.AF_UNIX).connect_ex('/nobody')"},
		"a listener alone":      {program: "import socket; socket.create_server(('127.0.0.1', 0))"},
		"to itself":             {program: itself},
		"to itself over IPv6":   {program: "import socket; s = socket.create_server(('::1', 0), family=socket.AF_INET6); c = socket.socket(socket.AF_INET6); c.connect(s.getsockname())"},
		"to another":            {program: "import socket; socket.create_connection(('127.0.0.1', " + other + "))", want: true},
		"to another, mapped":    {program: "import socket; socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', " + other + "))", want: true},
		"elsewhere":             {program: "import socket; s = socket.socket(); s.setblocking(False); s.connect_ex(('192.0.2.1', 80))", want: true},
		"of a grandchild":       {program: "import subprocess; subprocess.check_call(['python3', '-c', \"import socket; socket.create_connection(('127.0.0.1', " + other + "))\"])", want: true},
		"in another thread":     {program: "import socket, threading; t = threading.Thread(target=lambda: socket.create_connection(('127.0.0.1', " + other + "))); t.start(); t.join()", want: true},
		"a datagram":            {program: "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))", want: true},
		"a connection, by data": {program: "import socket; s = socket.socket(); s.setblocking(False)\ntry: s.sendto(b'x', 0x20000000, ('192.0.2.1', 80))\nexcept OSError: pass", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			seen := connects(t, c.program, true)
			for tries := 0; seen && !c.want && tries < 2; tries++ {
				// The kernel may give the program a port at which another test's server listened a moment before.
				seen = connects(t, c.program, true)
			}
			g.Expect(seen).To(Equal(c.want))
			if c.want {
				g.Expect(connects(t, c.program, false)).To(BeTrue())
			}
		})
	}
}
