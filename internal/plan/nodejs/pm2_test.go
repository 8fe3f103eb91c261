package nodejs_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"
)

// pm2-runtime is not given what it would refuse.
func TestPM2(t *testing.T) {
	for start, expected := range map[string]string{
		"pm2 start app.js": "pm2-runtime start app.js",
		"pm2 start ecosystem.config.js --env production --no-daemon":     "pm2-runtime start ecosystem.config.js --env production",
		"pm2 start app.js -i max --name web --time --wait-ready":         "pm2-runtime start app.js -i max --name web",
		"pm2 start -k 5000 -o out.log --error=err.log app.js -- -k 1":    "pm2-runtime start app.js -- -k 1",
		"pm2 start app.js --max-restarts --exp-backoff-restart-delay=10": "pm2-runtime start app.js",
		"pm2 start app.js --interpreter-args '--inspect' -l log -s":      "pm2-runtime start app.js --node-args --inspect",
		"pm2 start app.js --cron-restart='0 0 * * *' --log":              "pm2-runtime start app.js '--cron=0 0 * * *'",
		"pm2 start app.js --cwd server":                                  "pm2-runtime start app.js --cwd server",
		"pm2 start npm --name web -- run serve":                          "pm2-runtime start npm --name web -- run serve",
	} {
		t.Run(start, func(t *testing.T) {
			p, err := read(txtar.Parse([]byte(fmt.Sprintf(`-- package.json --
{"scripts": {"start": %q}, "dependencies": {"pm2": "6"}}
-- package-lock.json --
{"lockfileVersion": 3, "packages": {"": {"dependencies": {"pm2": "6"}}}}
-- app.js --
`, start))), t.TempDir())
			g := NewWithT(t)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Decisions[len(p.Decisions)-1].Value).To(Equal(expected))
		})
	}
}
