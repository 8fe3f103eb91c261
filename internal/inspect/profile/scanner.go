package profile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// scanner reads the large arrays of a snapshot one value at a time: encoding/json would hold all of them.
type scanner struct{ *bufio.Reader }

// next gives the next byte that is no white space.
func (r *scanner) next() (byte, error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b, nil
		}
	}
}

func (r *scanner) expect(want byte) error {
	got, err := r.next()
	if err == nil && got != want {
		err = fmt.Errorf("%q stands where %q belongs", got, want)
	}
	return err
}

// key gives the next key of the document, empty at its end.
func (r *scanner) key() (string, error) {
	b, err := r.next()
	if err != nil || b == '}' {
		return "", err
	}
	if b == ',' {
		b, err = r.next()
	}
	if err == nil && b != '"' {
		err = fmt.Errorf("%q stands where a name belongs", b)
	}
	if err != nil {
		return "", err
	}
	name, err := r.ReadString('"')
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	return name[:len(name)-1], r.expect(':')
}

// numbers reads an array of whole numbers; each is called whenever as many are read as there is room for.
func (r *scanner) numbers(into []uint64, each func() error) error {
	if err := r.expect('['); err != nil {
		return err
	}
	at, digits := 0, 0
	var value uint64
	for {
		b, err := r.next()
		switch {
		case err != nil:
			return err
		case b >= '0' && b <= '9':
			if digits++; digits > 19 {
				return errors.New("a number is too large")
			}
			value = value*10 + uint64(b-'0')
		case b == ',' || b == ']':
			if digits > 0 {
				into[at], value, digits = value, 0, 0
				if at++; at == len(into) {
					if err := each(); err != nil {
						return err
					}
					at = 0
				}
			}
			if b == ']' {
				if at != 0 {
					return errors.New("a record of numbers is not whole")
				}
				return nil
			}
		default:
			return fmt.Errorf("%q stands where a number belongs", b)
		}
	}
}

// strings reads an array of strings.
func (r *scanner) strings(each func([]byte)) error {
	if err := r.expect('['); err != nil {
		return err
	}
	for {
		b, err := r.next()
		switch {
		case err != nil:
			return err
		case b == ']':
			return nil
		case b == ',':
		case b == '"':
			text, err := r.text()
			if err != nil {
				return err
			}
			each(text)
		default:
			return fmt.Errorf("%q stands where a string belongs", b)
		}
	}
}

// longestText bounds what is kept of a string while it is read, in bytes.
const longestText = 1 << 10

// text gives a string, behind its first quotation mark.
func (r *scanner) text() ([]byte, error) {
	raw, escaped := []byte{'"'}, false
	for {
		b, err := r.ReadByte()
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		if b == '"' && !escaped {
			break
		}
		escaped = b == '\\' && !escaped
		if len(raw) < longestText {
			raw = append(raw, b)
		}
	}
	var text string
	if json.Unmarshal(append(raw, '"'), &text) != nil {
		// It was cut within an escape, or is not well formed: as it stands it is still a name.
		return raw[1:], nil
	}
	return []byte(text), nil
}

// skip leaves a value out: those that are not read are arrays, of numbers or empty.
func (r *scanner) skip() error {
	depth := 0
	for {
		b, err := r.next()
		if err != nil {
			return err
		}
		switch b {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '"':
			if _, err := r.text(); err != nil {
				return err
			}
		case ',':
			if depth == 0 {
				return r.UnreadByte()
			}
		}
		if depth == 0 && (b == ']' || b == '}' || b == '"') {
			return nil
		}
		if depth < 0 {
			return r.UnreadByte()
		}
	}
}
