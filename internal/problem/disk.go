package problem

import (
	"errors"
	"io/fs"
	"syscall"
)

// Disk makes a problem of an error while writing; doing says what was being written.
func Disk(doing string, err error) *Problem {
	p := &Problem{
		ID:    "disk/write",
		Title: "a file could not be written",
		Why:   doing + ": " + err.Error(),
		Hints: []string{"Check the permissions and the health of the disk that builds run on."},
		Err:   err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		p.ID, p.Title = "disk/full", "the disk is full"
		p.Hints = []string{"Free space where builds run, then build again. The cache of the last build is as it was."}
	}
	if nested, ok := errors.AsType[*Problem](err); ok {
		return nested
	}
	return p
}

// Reason gives why something could not be done with a file, without its name.
func Reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// Unreadable makes a problem of an error while reading; doing says what was being read.
func Unreadable(doing string, err error) *Problem {
	if nested, ok := errors.AsType[*Problem](err); ok {
		return nested
	}
	p := &Problem{
		ID:    "disk/read",
		Title: "a file could not be read",
		Why:   doing + ": " + err.Error(),
		Hints: []string{"Check the permissions and the health of the disk that it is on."},
		Err:   err,
	}
	if errors.Is(err, fs.ErrNotExist) {
		p.Hints = []string{"Check the name: there is no such file."}
	}
	return p
}
