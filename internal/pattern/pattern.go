// Package pattern compiles regular expressions when they are first needed: detection reads every application and uses
// few of them, and must take milliseconds.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy gives the expression, compiled once; like regexp.MustCompile it panics when the text is none.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
