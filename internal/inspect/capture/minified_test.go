package capture_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// minified starts testdata/minified/src/orders.ts as a bundler has built it.
func minified(t *testing.T, program, bundler string) (pid string) {
	g := NewWithT(t)
	dir := t.TempDir()
	out, err := exec.Command("cp", "-R", "testdata/minified/.", dir).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	return startFile(t, program, filepath.Join(dir, bundler, "app.js"), "--inspect-port=0")
}

// The names of the source are used in code whose names are others, and never for another variable.
func TestLogpointsInMinifiedCode(t *testing.T) {
	for _, bundler := range []string{"esbuild", "terser"} {
		t.Run(bundler, func(t *testing.T) {
			everyRelease(t, func(t *testing.T, program string) {
				pid := minified(t, program, bundler)
				for name, c := range map[string]struct{ place, expression, value string }{
					"a parameter":          {place: "src/orders.ts:12", expression: "order.items.length", value: `3`},
					"another module's":     {place: "src/orders.ts:12", expression: "discounts.size", value: `1`},
					"several":              {place: "src/orders.ts:24", expression: "[order.id === id, this.orders.length >= 0]", value: `\[ true, true \]`},
					"a name of the build":  {place: "src/orders.ts:12", expression: "t", value: `failed: t is a name that the build gave to .+; the names here are .*discounts.*`},
					"a name of nobody":     {place: "src/orders.ts:12", expression: "basket", value: `failed: ReferenceError: basket is not defined; the names here are .*discounts.*`},
					"of another function":  {place: "src/orders.ts:24", expression: "rounds", value: `failed: ReferenceError: rounds is not defined; .*`},
					"something that stays": {place: "src/orders.ts:12", expression: "order.id = 7", value: `failed: the expression could change the application; BPL_CONSOLE_ENABLED=true in its deployment allows that`},
				} {
					t.Run(name, func(t *testing.T) {
						g := NewWithT(t)
						// On a busy machine the application does not come by in the short time.
						var out string
						for _, duration := range []string{"300ms", "5s"} {
							var errors string
							var code int
							out, errors, code = run(0, "logpoint", c.place, c.expression, "--for", duration, "--pid", pid)
							g.Expect(code).To(Equal(0), errors)
							if out != "" {
								break
							}
						}
						g.Expect(out).NotTo(BeEmpty())
						for line := range strings.Lines(out) {
							g.Expect(strings.TrimSpace(line[14:])).To(MatchRegexp("^" + c.value + "$"))
						}
					})
				}
			})
		})
	}
}

func TestNamesOfFunctions(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		g := NewWithT(t)
		pid := minified(t, program, "esbuild")
		out, errors, code := run(0, "profile", "cpu", "--for", "1s", "--pid", pid)
		g.Expect(code).To(Equal(0), errors)
		g.Expect(out).To(MatchRegexp(`"functionName":"arrowHotLoop","scriptId":"\d+","url":"file:///[^"]*/src/orders.ts","lineNumber":4,`))
		g.Expect(out).NotTo(ContainSubstring(`"functionName":"i"`))
	})
}

// What is wrong with an expression is said before the application is looked at, with the exit code of a wrong command.
func TestExpressionsThatAreNone(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy, "--inspect-port=0")
	for _, arguments := range [][]string{{"logpoint", "app.js:2", "n +"}, {"logpoint", "app.js:2", "n; delete globalThis.x"}, {"console", "1 +"}} {
		_, errors, code := run(0, append(arguments, "--pid", pid)...)
		g.Expect(code).To(Equal(2), strings.Join(arguments, " "))
		g.Expect(errors).To(MatchRegexp(`gantry: the expression cannot be compiled: SyntaxError: .+\n`))
	}
	_, errors, code := run(0, "console", "JSON.parse('{')", "--pid", pid)
	g.Expect(code).To(Equal(1), "it was compiled, and failed")
	g.Expect(errors).To(ContainSubstring("[capture/expression-failed]"))
}

// A line that runs a million times a second is shown a hundred times, and goes on running.
func TestHotLines(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		g := NewWithT(t)
		pid, _ := startNode(t, program, `
let rounds = 0
function hot(i) {
  rounds += i % 3
  return rounds
}
setInterval(() => { for (let i = 0; i < 1e5; i++) hot(i) }, 2)
console.log('ready')
`, "--inspect-port=0")
		out, errors, code := run(0, "logpoint", "app.js:4", "i", "--for", "2s", "--pid", pid)
		g.Expect(code).To(Equal(0), errors)
		g.Expect(strings.Count(out, "\n")).To(And(BeNumerically(">", 20), BeNumerically("<=", 220)))
		g.Expect(errors).To(ContainSubstring("The line runs more often than is shown: at most 100 values a second.\n"))
	})
}

// What a value holds cannot move the cursor or begin a line.
func TestValuesAreData(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, `
const evil = '\x1b]0;pwned\x07\n::error::x'
function say() {
  return evil.length
}
setInterval(say, 5)
console.log('ready')
`, "--inspect-port=0")
	out, errors, code := run(0, "logpoint", "app.js:4", "evil", "--for", "200ms", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3}  \\x1b\]0;pwned\\x07\\n::error::x$`).MatchString(out)).To(BeTrue(), out)
	out, _, _ = run(0, "console", "'\\x1b[2J' + evil", "--pid", pid)
	g.Expect(out).NotTo(Or(ContainSubstring("\x1b"), ContainSubstring("\n::error")))
}
