package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Store is the folder in which records are kept.
type Store string

// The bounds of a store: how many records it has, and the bytes of one. Above these a record is kept without the
// runtime's report, and with fewer lines.
const (
	MaxRecords = 10
	MaxBytes   = 1 << 20
)

// Open gives the store that an environment names with BPL_CRASH_DIR; otherwise it is below the temporary folder.
func Open(environ map[string]string) Store {
	if dir := environ["BPL_CRASH_DIR"]; dir != "" {
		return Store(dir)
	}
	return Store(filepath.Join(os.TempDir(), "gantry-crashes"))
}

// Save keeps a record, whole or not at all, and drops the oldest above the bound. It gives the record's name.
func (s Store) Save(r Record) (string, error) {
	text, err := json.Marshal(r)
	if err == nil && len(text) > MaxBytes {
		r.Report = nil
		text, err = json.Marshal(r.bounded())
	}
	if err != nil {
		return "", fmt.Errorf("keep the crash: %w", err)
	}
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return "", fmt.Errorf("keep the crash: %w", err)
	}
	name := fmt.Sprintf("%s-%d", r.Time.UTC().Format("20060102T150405.000"), r.PID)
	file := s.file(name)
	if err := write(file, text); err != nil {
		return "", fmt.Errorf("keep the crash: %w", err)
	}
	names, err := s.Names()
	for len(names) > MaxRecords && err == nil {
		err = os.Remove(s.file(names[len(names)-1]))
		names = names[:len(names)-1]
	}
	return name, err
}

// write gives the file its name when it is whole. The folder may be one that others can write to: what is there under the
// other name is not written through.
func write(file string, text []byte) error {
	partial, err := os.CreateTemp(filepath.Dir(file), "partial-*")
	if err != nil {
		return err
	}
	_, err = partial.Write(text)
	if err = errors.Join(err, partial.Close()); err == nil {
		err = os.Rename(partial.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial.Name()))
	}
	return nil
}

func (s Store) file(name string) string { return filepath.Join(string(s), "crash-"+name+".json") }

// Names gives the names of the records, the latest first. A folder that is not there has none.
func (s Store) Names() ([]string, error) {
	entries, err := os.ReadDir(string(s))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the crashes: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(strings.TrimPrefix(entry.Name(), "crash-"), ".json"); ok && strings.HasPrefix(entry.Name(), "crash-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// Load reads a record by its name.
func (s Store) Load(name string) (r Record, err error) {
	text, err := readRegular(s.file(filepath.Base(name)))
	if err != nil {
		return r, fmt.Errorf("read the crash: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read the crash %s: %w", name, err)
	}
	return r, nil
}

// Latest gives the record of the latest crash that is younger than a time; ok is false when there is none.
func (s Store) Latest(since time.Time) (r Record, ok bool) {
	names, _ := s.Names()
	if len(names) == 0 {
		return r, false
	}
	r, err := s.Load(names[0])
	return r, err == nil && r.Time.After(since)
}
