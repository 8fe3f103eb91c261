package shell_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

func TestCalls(t *testing.T) {
	for text, want := range map[string][]string{
		"node a.js --port $PORT":               {"node a.js --port"},
		"migrate && exec node a.js":            {"migrate", "node a.js"},
		"cd server; A=1 node a":                {"server: node a"},
		"(cd x && y); node a":                  {"x: y", "node a"},
		"echo hi; test -f x; ./a.sh":           {"./a.sh"},
		"a || b; c":                            {"c"},
		"if a; then b; fi; c":                  {"c"},
		"a | b":                                {"a", "b"},
		"cd $X && a":                           nil,
		"cd /tmp && a":                         nil,
		"a && cd x && b && cd .. && c":         {"a", "x: b", "c"},
		"run() { a; }; run; b":                 {"b"},
		"{ a; b; }":                            {"a", "b"},
		"$PROGRAM x; b":                        {"b"},
		". ./env && a":                         nil,
		"a &":                                  {"a"},
		"node 'a":                              nil,
		"trap 'kill 0' TERM; node a & wait $!": {"node a"},
	} {
		var got []string
		for _, c := range shell.Calls(text) {
			word := strings.Join(c.Words, " ")
			if c.Dir != "" {
				word = c.Dir + ": " + word
			}
			got = append(got, word)
		}
		NewWithT(t).Expect(got).To(Equal(want), text)
	}
}

func TestRewrite(t *testing.T) {
	for text, want := range map[string]string{
		"npm start":                   "<npm start|||last>",
		"npm start -- --port $PORT x": "<npm start -- --port|$PORT x||last>",
		"cd server; npm start":        "cd server; <npm start||server|last>",
		"npm run a && npm run b":      "<npm run a|||> && <npm run b|||last>",
		"npm run a || npm run b":      "<npm run a|||> || <npm run b|||last>",
		"A=1 npm start > log":         "A=1 <npm start|||> > log",
		"if x; then npm start; fi":    "if x; then npm start; fi",
		"npm start | tee log":         "<npm start|||> | <tee log|||>",
		"npm start &":                 "<npm start|||> &",
		"npm start 'a":                "npm start 'a",
		"cd $X; npm start":            "cd $X; npm start",
		"export A=1; npm start":       "export A=1; <npm start|||last>",
	} {
		got := shell.Rewrite(text, func(c shell.Call) (string, bool) {
			last := ""
			if c.Last {
				last = "last"
			}
			return "<" + strings.Join([]string{strings.Join(c.Words, " "), c.Rest, c.Dir, last}, "|") + ">", true
		})
		NewWithT(t).Expect(got).To(Equal(want), text)
	}
	// What is more than one command cannot stand behind exec.
	list := func(shell.Call) (string, bool) { return "a && b", true }
	NewWithT(t).Expect(shell.Rewrite("exec npm start", list)).To(Equal("exec npm start"))
}

func TestIsCommand(t *testing.T) {
	for text, want := range map[string]bool{
		"node a $PORT": true, "node 'a": false, "a && b": false, "a; b": false, "a > b": false, "A=1 b": false, "": false, "cd a": false, "{ a; }": false,
	} {
		NewWithT(t).Expect(shell.IsCommand(text)).To(Equal(want), text)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, text := range []string{"npm start", "cd a && { npm start; } | b || c &", "if a; then b; fi", "exec npm start \"$@\"", "a() { b; }; a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		same := shell.Rewrite(text, func(shell.Call) (string, bool) { return "", false })
		NewWithT(t).Expect(same).To(Equal(text))
		shell.Calls(text)
	})
}
