package app

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// notCode are folders that hold what others wrote, what a build made, or tests.
var notCode = map[string]bool{
	"node_modules": true, "vendor": true, ".git": true, "dist": true, "build": true, "out": true, ".next": true, ".nuxt": true, ".output": true,
	"tmp": true, "log": true, "coverage": true, "test": true, "tests": true, "spec": true, "__tests__": true,
}

// A look at the code is bounded: it gives hints, and must not slow a build.
const (
	maxCodeFiles    = 5000
	maxCodeFileSize = 512 << 10
)

// Code visits the application's own code: files with one of the extensions, without tests, in the order of their names. What cannot be read is
// passed over.
func (a App) Code(extensions []string, visit func(name string, text []byte)) {
	files := 0
	_ = fs.WalkDir(a.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case entry.IsDir() && notCode[entry.Name()]:
			return fs.SkipDir
		case entry.IsDir() || !slices.Contains(extensions, path.Ext(name)) || strings.Contains(name, ".test.") || strings.Contains(name, ".spec."):
			return nil
		}
		if files++; files > maxCodeFiles {
			return fs.SkipAll
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxCodeFileSize {
			return nil
		}
		if text, found, err := a.Read(name); err == nil && found {
			visit(name, text)
		}
		return nil
	})
}
