// Package tomlbounds refuses TOML of which some bytes would take its readers minutes, or gigabytes: they are not linear in the depth of
// what they read.
package tomlbounds

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// The bounds of a file: what people write has a handful of levels, and some kilobytes.
const (
	maxBytes = 1 << 20
	maxDepth = 64
	// maxBrackets is how many may be open in a text that the parser does not read to its end. Some may stand in strings.
	maxBrackets = 1000
)

var errDeep = fmt.Errorf("tables are nested more than %d levels deep", maxDepth)

// Check says why a text is not read. That it is no TOML is for its reader to say.
func Check(text []byte) error {
	if len(text) > maxBytes {
		return fmt.Errorf("it has more than %d MB", maxBytes>>20)
	}
	if brackets(text) > maxBrackets {
		return errDeep
	}
	var parser unstable.Parser
	parser.Reset(text)
	table := 0
	for parser.NextExpression() {
		expression := parser.Expression()
		var deepest int
		switch expression.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = parts(expression.Key())
			deepest = table
		case unstable.KeyValue:
			deepest = table + depth(expression)
		}
		if deepest > maxDepth {
			return errDeep
		}
	}
	return nil
}

// parts counts those of a dotted key.
func parts(key unstable.Iterator) (n int) {
	for key.Next() {
		n++
	}
	return n
}

// depth is that of a key with its value, or of a value.
func depth(node *unstable.Node) int {
	switch node.Kind {
	case unstable.KeyValue:
		return parts(node.Key()) + depth(node.Value())
	case unstable.Array, unstable.InlineTable:
		deepest := 0
		for children := node.Children(); children.Next(); {
			deepest = max(deepest, depth(children.Node()))
		}
		return 1 + deepest
	}
	return 0
}

// brackets counts how many are open at most.
func brackets(text []byte) (most int) {
	open := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open = max(0, open-1)
		}
	}
	return most
}
