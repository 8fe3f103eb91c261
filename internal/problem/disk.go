package problem

import (
	"errors"
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
