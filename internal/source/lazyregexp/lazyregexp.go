// Package lazyregexp compiles regular expressions when they are first needed: detection reads every application and uses
// few of them, and must take milliseconds.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New gives the expression, compiled once; like regexp.MustCompile it panics when the text is none.
func New(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
