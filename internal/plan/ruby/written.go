package ruby

import (
	"fmt"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var (
	// pidOption is where a server's configuration says where it writes its number: https://puma.io/puma/Puma/DSL.html#pidfile-instance_method,
	// https://yhbt.net/unicorn/Unicorn/Configurator.html.
	pidOption   = lazyregexp.New(`(?m)^\s*(?:pidfile|pid|state_path|stdout_redirect|stderr_path|stdout_path)[\s(]+["']([^"'#]+)["']`)
	pidArgument = lazyregexp.New(`(?:--pidfile|--pid|-P|--state)[ =]+(\S+)`)
	// production is that part of config/database.yml, sqliteFile a file of SQLite.
	production = lazyregexp.New(`(?m)^production:[^\n]*\n((?:[ \t#].*\n|\n)*)`)
	sqliteFile = lazyregexp.New(`(?m)^\s+database:\s*["']?([\w./-]+\.sqlite3?)`)
)

// writtenFiles warns of files that the application writes next to its code, where containers cannot write, or lose what is written.
func (p *Project) writtenFiles() (warnings []string) {
	readOnly := func(where, name string) {
		if path.IsAbs(name) {
			return
		}
		warnings = append(warnings, fmt.Sprintf("%s: %s is written when the application starts; with a read-only file system, it does not. Name a file in /tmp, or leave the line out.", where, name))
	}
	for _, file := range []string{"config/puma.rb", "config/puma/production.rb", "config/unicorn.rb"} {
		if m := pidOption().FindStringSubmatch(p.read(file)); m != nil {
			readOnly(p.in(file), m[1])
		}
	}
	for _, entry := range p.declared {
		if m := pidArgument().FindStringSubmatch(entry.Command + " " + strings.Join(entry.Args, " ")); m != nil {
			readOnly(entry.Where.String(), m[1])
		}
	}
	if m := production().FindStringSubmatch(p.read("config/database.yml")); p.rails() && m != nil {
		if file := sqliteFile().FindStringSubmatch(m[1]); file != nil && !path.IsAbs(file[1]) {
			warnings = append(warnings, fmt.Sprintf("config/database.yml keeps the production database in %s, in the container: its content is lost with it, and a read-only file system has none. "+
				"Mount a volume at /workspace/%s.", file[1], p.in(path.Dir(file[1]))))
		}
	}
	return warnings
}
