package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"unicode"
	"unicode/utf16"
)

// objectsOfJSON reads one document of JSON or more, one behind the other or one a line. YAML has most of JSON, but neither tabs
// before a key nor \/ in a text.
func objectsOfJSON(file string, text []byte) ([]object, error) {
	var list []object
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		start := int(decoder.InputOffset()) - len(raw)
		found, err := objectsOfYAML(file, plainJSON(raw), bytes.Count(text[:start], []byte("\n")))
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
}

// plainJSON writes JSON so that it is YAML, with each value on the line where it was.
func plainJSON(raw []byte) []byte {
	var out bytes.Buffer
	inText := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\' && i+1 < len(raw) && raw[i+1] == '/':
			out.WriteByte('/')
			i++
			continue
		case inText && c == '\\' && pairAt(raw[i:]) != 0:
			// YAML does not know the two halves of a character beyond 16 bits.
			out.WriteRune(pairAt(raw[i:]))
			i += len(`\ud83d\ude00`) - 1
			continue
		case inText && c == '\\':
			out.WriteByte(c)
			i++
			out.WriteByte(raw[i])
			continue
		case c == '"':
			inText = !inText
		case !inText && (c == '\t' || c == '\r'):
			out.WriteByte(' ')
			continue
		}
		out.WriteByte(raw[i])
	}
	return out.Bytes()
}

// pairAt gives the character that two escapes at the start of a text make, \ud83d\ude00; 0 for none.
func pairAt(text []byte) rune {
	found := surrogates.FindSubmatch(text)
	if found == nil {
		return 0
	}
	high, _ := strconv.ParseUint(string(found[1]), 16, 16)
	low, _ := strconv.ParseUint(string(found[2]), 16, 16)
	if r := utf16.DecodeRune(rune(high), rune(low)); r != unicode.ReplacementChar {
		return r
	}
	return 0
}

var surrogates = regexp.MustCompile(`^\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})`)
