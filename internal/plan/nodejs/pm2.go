package nodejs

import (
	"slices"
	"strings"
)

// pm2Runtime is the form of "pm2 start" that stays in the foreground: https://pm2.keymetrics.io/docs/usage/docker-pm2-nodejs/. It
// ends at an option that it does not know, so that those are taken out which are about a daemon, its log files, and how it
// looks after programs. What decides about the program stays, to be refused where pm2-runtime does not know it.
func pm2Runtime(args []string) []string {
	out := []string{"pm2-runtime", "start"}
	for args = args[2:]; len(args) > 0; {
		if args[0] == "--" {
			return append(out, args...)
		}
		flag, _, joined := strings.Cut(args[0], "=")
		width := 1
		if takes := pm2Values[flag]; !joined && len(args) > 1 && (takes == always || takes == maybe && !strings.HasPrefix(args[1], "-")) {
			width = 2
		}
		words := slices.Clone(args[:width])
		if name := pm2Names[flag]; name != "" {
			words[0] = name + strings.TrimPrefix(words[0], flag)
			flag = name
		}
		if !strings.HasPrefix(flag, "-") || slices.Contains(pm2Kept, flag) {
			out = append(out, words...)
		}
		args = args[width:]
	}
	return out
}

// Whether an option takes the next word for its value: lib/binaries/CLI.js of PM2 6.
const (
	always = iota + 1
	maybe
)

var pm2Values = map[string]int{
	"--ext": always, "-n": always, "--name": always, "--interpreter": always, "--interpreter-args": always, "--node-args": always, "-o": always,
	"--output": always, "-e": always, "--error": always, "-l": maybe, "--log": maybe, "--filter-env": maybe, "--log-type": always,
	"--log-date-format": always, "--env": always, "-i": always, "--instances": always, "--parallel": always, "-p": always, "--pid": always,
	"-k": always, "--kill-timeout": always, "--listen-timeout": always, "--max-memory-restart": always, "--restart-delay": always,
	"--exp-backoff-restart-delay": always, "--max-restarts": maybe, "-u": always, "--user": always, "--uid": always, "--gid": always,
	"--namespace": always, "--cwd": always, "--hp": always, "--service-name": always, "-c": always, "--cron": always, "--cron-restart": always,
	"--only": always, "--watch": maybe, "--ignore-watch": always, "--watch-delay": always, "--stop-exit-codes": always, "--sort": always,
}

// pm2Names are what pm2-runtime calls some of them.
var pm2Names = map[string]string{"--interpreter-args": "--node-args", "--cron-restart": "--cron"}

// pm2Kept are those that pm2-runtime knows (lib/binaries/Runtime4Docker.js), and those without which another program would run.
var pm2Kept = []string{
	"-i", "--instances", "--no-autostart", "--no-autorestart", "--stop-exit-codes", "--node-args", "-n", "--name", "--max-memory-restart", "-c", "--cron",
	"--interpreter", "--only", "--env", "--trace", "--v8", "--deep-monitoring", "--cwd", "-x", "--execute-command", "--uid", "--gid",
}
