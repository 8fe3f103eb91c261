package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7canaryLine1\nZm9vYmFyCanaryLine2Zm9vYmFy\n-----END RSA PRIVATE KEY-----"

func TestValuesOfVariables(t *testing.T) {
	r := redact.NewRedactor([]string{
		"STRIPE_KEY=sk-live-1234", "LONG_TOKEN=sk-live-1234-and-more", "NAME=Ada Lovelace", "PIN_SECRET=1234", "CODE=declared-77", "SIGNING=" + pem,
		"DB_PASS=hunter2-db", "MYSQL_PWD=hunter2-my", "SMTP_PASS=hunter2-smtp", "STRIPE_SK=hunter2-sk", "PWD=/workspace", "SESSION=q8ZrT2vLx0NwYb7JkE4mPsHd", "HOSTNAME=web-7d9f8b6c5d-x2x4zq9k1m",
		"WEB_PW=p!w/y+z", "HTML_SECRET=a<b&c-secret", "OTHER=q8ZrT2vLx0N/Yb7JkE4mPsHdAA3kf+9ww/w=", "LIB=/opt/app/lib/Node20/modules/Index8/main",
		`SERVICE={"private_key_id":"77aaffee","private_key":"-----BEGIN PRIVATE KEY-----\nMIICgcpcanaryLine77aa9\n-----END PRIVATE KEY-----\n"}`,
		"STORAGE=AccountName=shop;AccountKey=Eby8vdM02xNOcqFe",
		"SOME_URL=amqp://user:in-address@mq/x", "GREETING=hello to everybody who reads this",
	}, []string{"CODE", "SIGNING"}, []string{"from a binding"})
	basic := base64.StdEncoding.EncodeToString([]byte("shop:hunter2-db"))
	for name, c := range map[string]struct{ text, want string }{
		"a value":                    {text: "a sk-live-1234 b", want: "a *** b"},
		"the longer one first":       {text: "sk-live-1234-and-more", want: "***"},
		"declared":                   {text: "Ada Lovelace, declared-77", want: "Ada Lovelace, ***"},
		"too short":                  {text: "1234", want: "1234"},
		"names":                      {text: "hunter2-db hunter2-my hunter2-smtp hunter2-sk", want: "*** *** *** ***"},
		"the working folder":         {text: "cannot read /workspace/a.js", want: "cannot read /workspace/a.js"},
		"random":                     {text: "session q8ZrT2vLx0NwYb7JkE4mPsHd", want: "session ***"},
		"a pod's name":               {text: "web-7d9f8b6c5d-x2x4zq9k1m is gone", want: "web-7d9f8b6c5d-x2x4zq9k1m is gone"},
		"a sentence":                 {text: "hello to everybody who reads this", want: "hello to everybody who reads this"},
		"of a binding":               {text: "it is from a binding", want: "it is ***"},
		"of an address":              {text: "login with in-address failed", want: "login with *** failed"},
		"of several lines":           {text: "cannot use " + pem + " here", want: "cannot use *** here"},
		"one of its lines":           {text: "at MIIEpAIBAAKCAQEA7canaryLine1", want: "at ***"},
		"its lines in JSON":          {text: strings.ReplaceAll(pem, "\n", `\n`), want: "***"},
		"percent-encoded":            {text: "?t=" + url.QueryEscape("from a binding"), want: "?t=***"},
		"base64":                     {text: base64.StdEncoding.EncodeToString([]byte("sk-live-1234")), want: "***"},
		"within base64":              {text: "x " + base64.StdEncoding.EncodeToString([]byte("ab:hunter2-smtp:cd")), want: "x YWI6***OmNk"},
		"Authorization: Basic":       {text: "headers: { Authorization: Basic " + basic + " }", want: "headers: { Authorization: Basic *** }"},
		"by encodeURIComponent":      {text: "hunter2-db%21 " + "p!w%2Fy%2Bz", want: "***%21 ***"},
		"in lower case":              {text: "p!w%2fy%2bz", want: "***"},
		"escaped for HTML":           {text: "a&lt;b&amp;c-secret", want: "***"},
		"cut":                        {text: "yyyhunter2-my… (16 more characters)", want: "yyy***… (16 more characters)"},
		"cut within":                 {text: "yyyhunter2-sm… (16 more characters) hunter", want: "yyy***… (16 more characters) hunter"},
		"random, with slashes":       {text: "session q8ZrT2vLx0N/Yb7JkE4mPsHdAA3kf+9ww/w=", want: "session ***"},
		"a path":                     {text: "see /opt/app/lib/Node20/modules/Index8/main", want: "see /opt/app/lib/Node20/modules/Index8/main"},
		"a part of JSON":             {text: "key MIICgcpcanaryLine77aa9, id 77aaffee", want: "key ***, id ***"},
		"a part of a connection":     {text: "with Eby8vdM02xNOcqFe", want: "with ***"},
		"hexadecimal":                {text: "68756e746572322d6462", want: "***"},
		"in an object's description": {text: `{"password":"abcdef","user":"x"}`, want: `{"password":"***","user":"x"}`},
	} {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(r.Text(c.text)).To(Equal(c.want)) })
	}
}

func TestCredentials(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	for name, c := range map[string]struct{ text, want string }{
		"a password":               {text: "redis://:hunter2@cache:6379/0", want: "redis://***@cache:6379/0"},
		"a token for a user":       {text: "https://TOKEN@host/x", want: "https://***@host/x"},
		"escaped":                  {text: "postgres://u:p%40ss@db and ftp://x:y", want: "postgres://***@db and ftp://x:y"},
		"not escaped":              {text: "postgres://u:p/s@db/shop", want: "postgres://***@db/shop"},
		"a path":                   {text: "see https://example.com/a?b=c@d for", want: "see https://example.com/a?b=c@d for"},
		"a port and a path":        {text: "https://example.com:8080/@scope/name", want: "https://example.com:8080/@scope/name"},
		"two lines":                {text: "a://b:c@d\ne://f:g@h", want: "a://***@d\ne://***@h"},
		"no address":               {text: "://", want: "://"},
		"basic":                    {text: "Basic " + base64.StdEncoding.EncodeToString([]byte("a:b")) + "xxxx", want: "Basic ***"},
		"the word":                 {text: "Basic authentication failed", want: "Basic authentication failed"},
		"bearer":                   {text: "Bearer abcdef0123456789", want: "Bearer ***"},
		"a header":                 {text: `"authorization": "Digest abc"`, want: `"authorization": "Digest ***"`},
		"a header of AWS":          {text: "Authorization: AWS4-HMAC-SHA256 Credential=AK, SignedHeaders=host, Signature=fe5f80", want: "Authorization: AWS4-HMAC-SHA256 ***"},
		"a header with a dash":     {text: "Authorization: ApiKey-v1 myapikeyvalue123", want: "Authorization: ApiKey-v1 ***"},
		"a header with quotes":     {text: `Authorization: Token token="abcdef12345"`, want: "Authorization: Token ***"},
		"several words":            {text: "{ password: 'pw with spaces', user: 'x' }", want: "{ password: '***', user: 'x' }"},
		"a quote within":           {text: `{"secret": "s,ec\"ret"}`, want: `{"secret": "***"}`},
		"pass":                     {text: "pass: 'passplain99'", want: "pass: '***'"},
		"an option":                {text: "node a.js --db-pass dbp11 --token=t --verbose", want: "node a.js --db-pass *** --token=*** --verbose"},
		"assigned":                 {text: "connect password=hunter2 host=db", want: "connect password=*** host=db"},
		"in a query":               {text: "/x?access_token=abc123&b=1", want: "/x?access_token=***&b=1"},
		"issued":                   {text: "key sk_live_4eC39HqLyjWDarjtT1 and ghp_0123456789abcdefghijABCDEFGHIJ456789", want: "key *** and ***"},
		"a JSON Web Token":         {text: "got " + jwt, want: "got ***"},
		"a private key":            {text: "x " + pem + " y", want: "x *** y"},
		"an error that says token": {text: "Unexpected token } in JSON at position 5", want: "Unexpected token } in JSON at position 5"},
	} {
		t.Run(name, func(t *testing.T) { NewWithT(t).Expect(redact.Credentials(c.text)).To(Equal(c.want)) })
	}
}

func TestJSON(t *testing.T) {
	g := NewWithT(t)
	r := redact.NewRedactor([]string{"TOKEN=canary-4711"}, nil, nil)
	out, err := r.JSON([]byte(`{"a":["x canary-4711",{"canary-4711":1}],"b":2.5}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(out)).To(MatchJSON(`{"a":["x ***",{"***":1}],"b":2.5}`))
}

// Whatever surrounds a secret, and however it is encoded, it is gone.
func FuzzRedactor(f *testing.F) {
	f.Add("before ", "s3cr3t-value-0", " after")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if len(strings.TrimSpace(secret)) < 12 || strings.ContainsAny(secret, " \t\r\n*") || strings.Contains(before+after, secret) {
			return
		}
		r := redact.NewRedactor([]string{"A_SECRET=" + secret}, nil, nil)
		encoded, err := json.Marshal(secret)
		if err != nil {
			t.Skip("not a case: JSON cannot hold the text")
		}
		for _, form := range []string{secret, url.QueryEscape(secret), strings.Trim(string(encoded), `"`)} {
			if strings.Contains(r.Text(before+form+after), secret) {
				t.Fatalf("%q survives in %q", secret, r.Text(before+form+after))
			}
		}
		out := r.Text("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secret)))
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(out, "Authorization: Basic ")); err == nil && strings.Contains(string(decoded), secret) {
			t.Fatalf("%q survives in base64", secret)
		}
	})
}
