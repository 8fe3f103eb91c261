package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// InJSON gives the position of the value at a path of object keys; the start of the deepest key that exists when the
// path goes on beyond it.
func InJSON(file string, text []byte, path ...string) Position {
	decoder := json.NewDecoder(bytes.NewReader(text))
	return At(file, text, find(decoder, text, path))
}

// find reads one value and gives the offset at which it, or the value at the path inside it, begins.
func find(decoder *json.Decoder, text []byte, path []string) int {
	token, err := decoder.Token()
	start := tokenStart(decoder, text, token)
	if err != nil || len(path) == 0 || token != json.Delim('{') {
		return start
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			break
		}
		if key == path[0] {
			return find(decoder, text, path[1:])
		}
		var skipped json.RawMessage
		if decoder.Decode(&skipped) != nil {
			break
		}
	}
	return start
}

// tokenStart is where the token just read begins: the decoder only knows where it ends.
func tokenStart(decoder *json.Decoder, text []byte, token json.Token) int {
	end := int(decoder.InputOffset())
	switch token.(type) {
	case json.Delim:
		return end - 1
	case string:
		for i := end - 2; i >= 0; i-- {
			if text[i] == '"' && (i == 0 || text[i-1] != '\\') {
				return i
			}
		}
	}
	start := end
	for start > 0 && bytes.IndexByte([]byte(" \t\r\n:,[{"), text[start-1]) < 0 {
		start--
	}
	return start
}

// JSON makes a problem of an error of encoding/json, with the position at which reading stopped.
func JSON(id, file string, text []byte, err error) *Problem {
	p := &Problem{
		ID:    id,
		Title: file + " is not valid JSON",
		Where: Position{File: file},
		Why:   err.Error(),
		Hints: []string{"Correct the file; a comma too many or too few is the usual cause."},
		Err:   err,
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		p.Where = At(file, text, int(syntax.Offset)-1)
		if syntax.Offset >= int64(len(text)) {
			p.Why = "the file ends in the middle of a value"
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || len(bytes.TrimSpace(text)) == 0 {
		p.Where, p.Why = At(file, text, len(text)), "the file ends in the middle of a value"
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		p.Title = fmt.Sprintf("%s has a value of the wrong type", file)
		p.Where = At(file, text, int(wrong.Offset)-1)
		p.Why = fmt.Sprintf("%s is of the type %s; expected is %s", wrong.Field, wrong.Value, expected(wrong.Type.String()))
		p.Hints = []string{"Correct the value of " + wrong.Field + "."}
	}
	return p
}

func expected(goType string) string {
	switch goType {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	default:
		return "an object"
	}
}
