package launch

import (
	"path/filepath"
	"strings"
)

// yjitMemory is the memory from which on YJIT is worth what its code takes, in bytes:
// https://docs.ruby-lang.org/en/master/yjit/yjit_md.html.
const yjitMemory = 512 * mebibyte

// rubyVariables has YJIT compile where the memory allows it, and jemalloc allocate where that is asked for.
func (c Check) rubyVariables(f Facts, values, set map[string]string) (warnings []string) {
	_, chosen := values["RUBY_YJIT_ENABLE"]
	switch mode := values["BPL_YJIT"]; {
	case chosen || mode == "off" || strings.Contains(values["RUBYOPT"], "jit"):
	case mode == "on" || f.Memory == 0 || f.Memory >= yjitMemory:
		set["RUBY_YJIT_ENABLE"] = "1"
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
