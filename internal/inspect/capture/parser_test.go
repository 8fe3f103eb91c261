package capture

import (
	"bufio"
	"bytes"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// What listens at a port may send anything: nothing of it is taken for a length before it is bounded.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		body, err := readDocument(bufio.NewReaderSize(bytes.NewReader(answer), maxHeaderLine))
		if err == nil && len(body) > len(answer) {
			t.Fatalf("%d bytes of %d", len(body), len(answer))
		}
		if path := inspectorPath(body); path != "" && len(path) != 37 {
			t.Fatalf("a path %q", path)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte{0x81, 2, '{', '}'})
	f.Add([]byte{0x81, 127, 0, 0, 0, 0, 64, 0, 0, 0})
	f.Add([]byte{0x88, 126, 0, 200})
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bufio.NewReader(bytes.NewReader(stream))
		for {
			_, _, content, err := readFrame(in, 1<<16)
			if err != nil {
				return
			}
			if len(content) > len(stream) {
				t.Fatalf("%d bytes of %d", len(content), len(stream))
			}
		}
	})
}

func FuzzSockets(f *testing.F) {
	f.Add("   0: 0100007F:2407 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1")
	f.Fuzz(func(t *testing.T, line string) { parseSocket(line) })
}

func TestSockets(t *testing.T) {
	for line, want := range map[string]string{
		"0: 0100007F:240D 00000000:0000 0A 0:0 0:0 0 1000 0 12345 1":                                                 "127.0.0.1:9229",
		"0: 00000000000000000000000001000000:240D 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1000 0 12345 1": "[::1]:9229",
		"0: 0000000000000000FFFF00000100007F:240D 00000000000000000000000000000000:0000 0A 0:0 0:0 0 1000 0 12345 1": "127.0.0.1:9229",
	} {
		s, ok := parseSocket(line)
		NewWithT(t).Expect(ok).To(BeTrue())
		NewWithT(t).Expect(s.local).To(Equal(netip.MustParseAddrPort(want)))
	}
	_, ok := parseSocket("sl local_address rem_address st")
	NewWithT(t).Expect(ok).To(BeFalse())
}

func TestPortsInOptions(t *testing.T) {
	for options, want := range map[string]string{
		"--inspect": "", "--inspect=9300": "9300", "--inspect=0.0.0.0:9300 a.js": "9300", "--inspect=[::1]:9301": "9301", "--inspect-brk=h:1": "1",
		"--inspect-port=0": "0", "--inspect-wait 9302 ": "9302", "--inspect-publish-uid=http": "", "a.js --no": "",
	} {
		var found []string
		for _, match := range inspectPort().FindAllStringSubmatch(options+" ", -1) {
			if match[1] != "" {
				found = append(found, match[1])
			}
		}
		NewWithT(t).Expect(strings.Join(found, " ")).To(Equal(want), options)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"512MB": 512e6, "2GB": 2e9, "1.5GiB": 3 << 29, "64Mi": 64 << 20, "1G": 1e9} {
		n, err := parseSize(text)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(n).To(Equal(want), text)
	}
	for _, text := range []string{"", "5", "MB", "-1MB", "0GB", "1TB"} {
		_, err := parseSize(text)
		NewWithT(t).Expect(err).To(HaveOccurred(), text)
	}
}

func TestWordsOfExpressions(t *testing.T) {
	NewWithT(t).Expect(words("order.items?.map(item => item .id) + total[a] + order")).To(Equal([]string{"order", "item", "total", "a"}))
}
