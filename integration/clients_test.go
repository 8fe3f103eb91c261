package integration

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// clientsScript says of each address whether the client that would be given it takes it.
const clientsScript = `
const { parse } = require('pg-connection-string')
const { ConnectionString } = require('mongodb-connection-string-url')
const takes = text => {
	try {
		if (/^postgres(ql)?:/i.test(text.trim())) return !!parse(text.trim())
		if (/^mongodb(\+srv)?:/.test(text)) return !!new ConnectionString(text)
		return !!new URL(text)
	} catch { return false }
}
let input = ''
process.stdin.on('data', d => input += d).on('end', () => console.log(JSON.stringify(JSON.parse(input).map(takes))))`

// addresses are those that people write, and random ones of the same parts.
func addresses(r *rand.Rand, n int) []string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	list := []string{
		"postgresql://%2Fvar%2Frun%2Fpostgresql/db", "postgres://u:p@/db?host=/var/run", "postgres:///db", "postgres://", "postgres://h:99999/db", "postgres://h:5432,i:5432/db",
		"postgres://u:p@ss@h/db", "postgres://u:pa/ss@h/db", "postgres://u:pa#ss@h/db", "postgres://u:pa?ss@h/db", "postgres://u:100%@h/db", "postgres://u:p%ffx@h/db", "postgres://u@h", "postgres://u:@h",
		"mongodb://a:1,b:2,c:3/db", "mongodb+srv://u:p@c.example.net/db", "mongodb+srv://a,b", "mongodb+srv://a:1", "mongodb://", "mongodb://u:p:q@h", "mongodb://u:p%@h", "mongodb://@h", "mongodb:///db",
		"http:///", "http://", "http:///x", "http:x", "https://h:65535", "https://h:65536", "https://h:", "https://:80", "https://a b", "https://a%20b", "https://[::1]:80/", "https://[::1", "https://[fe80::1%25eth0]",
		"https://1.2.3.4", "https://1.2.3.256", "https://1.2.3.4.5", "https://0x7f.1", "https://1.2.3.08", "https://a_b", "https://-", "https://a..b", "https://%41", "https://%00", "https://a|b", "https://a^b", "https://h\\x", "HTTPS://H",
		"redis://h:6379/0", "redis://:p@h:6379", "rediss://u:p@h", "amqp://u:p@h/%2f", "amqps://h", "sqlite:data.db", "sqlite:///data.db", "file:///x", "file://h/x", "file:x", "file:////x", "file://C:/x", "data:,x", "mailto:a@b.c", "smtp://h:25", "smtps://u%40d:p@h", "s3://b/k", "ws://h", "wss://h:1/x?y#z",
		"://", "//h/x", "h/db", "/x", "x", "1http://h", "ht tp://h", " https://h ", "https://h/\tx", "\nhttps://h", "kafka://a:1", "mysql://u:p@h:3306/db?ssl=true", "nats://h", "jdbc:postgresql://h/db", "urn:x:y", "tel:123",
	}
	for _, c := range "^|[]{}<>\"` %~!$&'()*+,;=" {
		list = append(list, "postgres://u:p"+string(c)+"q@h/db", "mysql://u:p"+string(c)+"q@h/db", "https://u:p"+string(c)+"q@h/", "amqp://h"+string(c)+"i/")
	}
	for range n {
		var text strings.Builder
		text.WriteString(pick("http", "https", "ws", "postgres", "postgresql", "mongodb", "mongodb+srv", "mysql", "amqp", "ftp", "file", "x-y") + pick("://", "://", "://", "://", ":/", ":"))
		if r.IntN(2) == 0 {
			text.WriteString(pick("u", "", "u%40", "u v") + pick(":", "", ":p", ":p@q", ":p:q", ":p%", ":p^q", ":p[", ":p/q", ":p?q", ":%ff") + pick("@", "@", "@", ""))
		}
		text.WriteString(pick("h", "h.example.com", "", "1.2.3.4", "1.2.3", "256.1", "[::1]", "[::g]", "[::1", "a_b", "a|b", "a^b", "a<b", "a%20b", "a,b", "h:1,i:2", "%2Frun", "a b", "0x1g", "a.09"))
		text.WriteString(pick("", ":5432", ":0", ":65535", ":65536", ":", ":x", ":1x", ":-1", ":00080"))
		text.WriteString(pick("", "/", "/db", "/a b", "?x=y", "#z", "/%zz", "/%ff", "\\x", "/db?x=[1]"))
		list = append(list, text.String())
	}
	return list
}

// A URL is one for the contract where it is one for the client that gets it: for Node.js' URL, for pg and for MongoDB's driver.
func TestURLsAreThoseOfTheClients(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	dir := t.TempDir()
	out, err := exec.Command("npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "pg-connection-string@2.14.1", "mongodb-connection-string-url@7").CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	list := addresses(rand.New(rand.NewPCG(1, 2)), 4000)
	input, err := json.Marshal(list)
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command("node", "-e", clientsScript)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	answer, err := cmd.Output()
	g.Expect(err).NotTo(HaveOccurred())
	var takes []bool
	g.Expect(json.Unmarshal(answer, &takes)).To(Succeed())
	g.Expect(takes).To(HaveLen(len(list)))
	accepted := 0
	for i, text := range list {
		if stricter(text) {
			continue
		}
		if takes[i] {
			accepted++
		}
		got := contract.Variable{Type: "url"}.Accepts(text)
		if strings.HasPrefix(text, "mongodb") && !got {
			// Its driver finds out later that a port is none.
			continue
		}
		g.Expect(got).To(Equal(takes[i]), "%q", text)
	}
	t.Logf("%d addresses, %d accepted", len(list), accepted)
	g.Expect(accepted).To(BeNumerically(">", 300))
}

// stricter reports whether the contract refuses what a client would take for something else: a host and a port ("localhost:5432" has the
// scheme "localhost"), and a scheme alone.
func stricter(text string) bool {
	_, rest, _ := strings.Cut(strings.TrimSpace(text), ":")
	return rest == "" || strings.Trim(strings.SplitN(rest, "/", 2)[0], "0123456789") == ""
}
