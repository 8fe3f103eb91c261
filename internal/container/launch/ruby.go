package launch

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/container/crash"
)

// yjitMemory is the memory from which on YJIT is worth what its code takes, in bytes:
// https://docs.ruby-lang.org/en/master/yjit/yjit_md.html.
const yjitMemory = 512 * mebibyte

// rubyAgent has Ruby load what lets people look into it, before anything else.
func (c Check) rubyAgent(values, set map[string]string) (warnings []string) {
	script := filepath.Join(filepath.Dir(c.Layer), agent.Layer, agent.ScriptFile)
	if _, err := os.Stat(script); err != nil || values["BPL_DIAGNOSTICS"] == "off" {
		return nil
	}
	if strings.ContainsAny(script, " \t") {
		// RUBYOPT knows no quotes.
		return []string{"the application cannot be looked into: the folder of the layers has a space in its name"}
	}
	dir, err := agent.MakeFolder(os.TempDir())
	if err != nil {
		return []string{"the application cannot be looked into: there is no folder for its socket: " + strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	if reports, err := makeReports(); err == nil {
		set[reportsVariable] = reports
		if _, chosen := values["RUBY_CRASH_REPORT"]; !chosen && parseVersion(c.Image.Version).since(version{3, 3}) {
			set["RUBY_CRASH_REPORT"] = filepath.Join(reports, crash.RubyReport)
		}
	}
	set[agent.Variable] = dir
	set["RUBYOPT"] = strings.TrimSpace("-r" + script + " " + values["RUBYOPT"])
	return nil
}

// withoutYJIT keeps Rails from enabling it.
func (c Check) withoutYJIT(values, set map[string]string) {
	script := filepath.Join(filepath.Dir(c.Layer), agent.Layer, agent.NoYJITFile)
	if _, err := os.Stat(script); err == nil && !strings.ContainsAny(script, " \t") {
		set["RUBYOPT"] = "-r" + script + " " + cmp.Or(set["RUBYOPT"], values["RUBYOPT"])
		set["RUBYOPT"] = strings.TrimSpace(set["RUBYOPT"])
	}
}

// rubyVariables has YJIT compile where the memory allows it, and jemalloc allocate where that is asked for.
func (c Check) rubyVariables(f Facts, values, set map[string]string) (warnings []string) {
	_, chosen := values["RUBY_YJIT_ENABLE"]
	chosen = chosen || strings.Contains(values["RUBYOPT"], "jit")
	mode := values["BPL_YJIT"]
	compiles := mode == "on" || mode != "off" && (f.Memory == 0 || f.Memory >= yjitMemory)
	if compiles && !chosen {
		set["RUBY_YJIT_ENABLE"] = "1"
	}
	// One that is left of a container that was killed would keep "rails server" from starting: it has the same number again.
	if file := values["PIDFILE"]; filepath.Dir(file) == "/tmp" {
		_ = os.Remove(file)
	}
	warnings = c.rubyAgent(values, set)
	if !compiles && !chosen {
		c.withoutYJIT(values, set)
	}
	if values["BPL_JEMALLOC"] == "true" && !strings.Contains(values["LD_PRELOAD"], "jemalloc") {
		found, _ := filepath.Glob(filepath.Join(c.Machine.Root, "usr/lib/*/libjemalloc.so.2"))
		if len(found) == 0 {
			return append(warnings, "BPL_JEMALLOC is true, and the run image has no libjemalloc.so.2: on Debian and Ubuntu it is the package libjemalloc2")
		}
		set["LD_PRELOAD"] = strings.TrimSpace(strings.TrimPrefix(found[0], strings.TrimSuffix(c.Machine.Root, "/")) + " " + values["LD_PRELOAD"])
	}
	return warnings
}
