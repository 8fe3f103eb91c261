package shell_test

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]shell.Command{
		"node server.js --port 3000":              {Args: []string{"node", "server.js", "--port", "3000"}},
		`NODE_ENV=production A='b c' node "x y"`:  {Env: map[string]string{"NODE_ENV": "production", "A": "b c"}, Args: []string{"node", "x y"}},
		`node -e "console.log(\"hi\")" a\ b 'c'd`: {Args: []string{"node", "-e", `console.log("hi")`, "a b", "cd"}},
		"EMPTY= node a":                           {Env: map[string]string{"EMPTY": ""}, Args: []string{"node", "a"}},
		"node server.js --port $PORT":             {Shell: "exec node server.js --port $PORT"},
		"npx tsc && node dist/main.js":            {Shell: "npx tsc && exec node dist/main.js"},
		"cd dist; A=1 node main.js":               {Shell: "cd dist; A=1 exec node main.js"},
		"node server.js > log.txt":                {Shell: "exec node server.js >log.txt"},
		"node *.js":                               {Shell: "exec node *.js"},
		"~/bin/app":                               {Shell: "~/bin/app", Stays: true},
		"exec node a.js":                          {Shell: "exec node a.js"},
		"node a.js | pino-pretty":                 {Shell: "node a.js | pino-pretty", Stays: true},
		"node a.js &":                             {Shell: "node a.js &", Stays: true},
		"node a.js || node b.js":                  {Shell: "node a.js || node b.js", Stays: true},
		"f() { node a; }; f":                      {Shell: "f() { node a; }; f", Stays: true},
		"if true; then node a; fi":                {Shell: "if true; then node a; fi", Stays: true},
		"":                                        {Stays: true},
	} {
		t.Run(text, func(t *testing.T) { NewWithT(t).Expect(shell.Parse(text)).To(Equal(want)) })
	}
	broken := shell.Parse(`node "a`)
	NewWithT(t).Expect(broken.Err).To(HaveOccurred())
	NewWithT(t).Expect(broken.Shell).To(Equal(`node "a`))
}

func TestList(t *testing.T) {
	for text, want := range map[string][]string{
		"node a.js":                               {"node a.js"},
		"npm run build && A=1 node  'b c'.js":     {"npm run build", "A=1 node  'b c'.js"},
		"rm -rf dist && tsc -p . && node dist $A": {"rm -rf dist", "tsc -p .", "node dist $A"},
		"tsc && node a || node b":                 nil,
		"tsc; node a":                             nil,
		"tsc > log && node a":                     nil,
		"tsc && node a &":                         nil,
		"tsc && (node a)":                         nil,
		"! tsc && node a":                         nil,
		"tsc && node 'a":                          nil,
		"":                                        nil,
	} {
		t.Run(text, func(t *testing.T) { NewWithT(t).Expect(shell.List(text)).To(Equal(want)) })
	}
}

func TestEnter(t *testing.T) {
	for text, want := range map[string][]string{
		"cd server && npm start":               {"server", "npm start"},
		`cd "my server"  &&  A=1 node $X && b`: {"my server", "A=1 node $X && b"},
		"cd a && cd b && node c":               {"a", "cd b && node c"},
		"cd $DIR && node a":                    nil,
		"cd ~ && node a":                       nil,
		"cd - && node a":                       nil,
		"cd && node a":                         nil,
		"cd -P a && node a":                    nil,
		"cd a; node a":                         nil,
		"cd a && node a || node b":             nil,
		"A=1 cd a && node a":                   nil,
		"cd a":                                 nil,
		"echo a && cd b":                       nil,
		"(cd a && node a)":                     nil,
		"cd 'a":                                nil,
		"":                                     nil,
	} {
		t.Run(text, func(t *testing.T) {
			folder, rest, ok := shell.Enter(text)
			NewWithT(t).Expect(ok).To(Equal(want != nil))
			if ok {
				NewWithT(t).Expect([]string{folder, rest}).To(Equal(want))
			}
		})
	}
}

// What is executed directly must be what a shell would have executed.
func TestWordsAreThoseOfAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("not compared with a shell, which words a command has: there is no sh on PATH")
	}
	for _, text := range []string{`a\b 'c\d' "e\f" "g\\h" "i\$j" k\\l m"n"'o' ""`, `"a'b" 'c"d' e=f --g="h i"`, "a \\\n b"} {
		words, ok := shell.Words("printf '<%s>' " + text)
		NewWithT(t).Expect(ok).To(BeTrue(), text)
		out, err := exec.Command(sh, "-c", "printf '<%s>' "+text).Output()
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect("<" + strings.Join(words[2:], "><") + ">").To(Equal(string(out)))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`A=1 node "x" 'y'`, "a && b", "a | b; c &", "$(", "<<E\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		shell.Parse(text)
		shell.List(text)
		shell.Enter(text)
	})
}
