package sourcemap

import (
	"errors"
	"fmt"
	"strings"
)

// index reads all mappings once, and keeps a checkpoint now and then.
func (p *part) index() error {
	d := decoder{segment: segment{name: -1}}
	for n := 0; ; n++ {
		before := d
		first, ok, err := d.next(p)
		if err != nil || !ok {
			return err
		}
		if n%run == 0 {
			p.checkpoints = append(p.checkpoints, checkpoint{before, first})
		}
	}
}

// next gives the next segment that has a source: lines are divided by semicolons, segments by commas, each of one, four or
// five numbers that count from those before.
func (d *decoder) next(p *part) (segment, bool, error) {
	for d.at < len(p.mappings) {
		switch p.mappings[d.at] {
		case ';':
			d.at++
			d.line, d.column = d.line+1, 0
			continue
		case ',':
			d.at++
			continue
		}
		end := d.at
		for end < len(p.mappings) && p.mappings[end] != ',' && p.mappings[end] != ';' {
			end++
		}
		numbers, count, err := quantities(p.mappings[d.at:end])
		if err != nil {
			return segment{}, false, err
		}
		d.at = end
		d.column += numbers[0]
		if count < 4 {
			continue
		}
		d.source, d.sourceLine, d.sourceColumn = d.source+numbers[1], d.sourceLine+numbers[2], d.sourceColumn+numbers[3]
		if d.name = -1; count > 4 {
			d.lastName += numbers[4]
			d.name = d.lastName
		}
		if d.source < 0 || d.source >= len(p.sources) || d.sourceLine < 0 || d.column < 0 || d.name >= len(p.names) || count > 4 && d.name < 0 {
			return segment{}, false, errors.New("its mappings leave the sources")
		}
		return d.segment, true, nil
	}
	return segment{}, false, nil
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// values are the digits' values, by their character; -1 for every other one.
var values = func() (list [256]int8) {
	for i := range list {
		list[i] = int8(strings.IndexByte(digits, byte(i)))
	}
	return list
}()

// quantities decodes the base64 variable-length quantities of one segment; there is at least one, and at most five count.
func quantities(text string) (numbers [5]int, count int, err error) {
	value, shift := 0, 0
	for i := range len(text) {
		digit := int(values[text[i]])
		if digit < 0 || shift > 30 {
			return numbers, 0, fmt.Errorf("its mappings hold %q", text)
		}
		value |= digit & 31 << shift
		if digit&32 != 0 {
			shift += 5
			continue
		}
		if value&1 != 0 {
			value = -value
		}
		if count < len(numbers) {
			numbers[count] = value / 2
			count++
		}
		value, shift = 0, 0
	}
	if shift != 0 {
		return numbers, 0, fmt.Errorf("its mappings end within a number: %q", text)
	}
	return numbers, count, nil
}
