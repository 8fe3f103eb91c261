package launch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// maxFile bounds what is read of a file that holds a value, in bytes: an environment variable cannot be longer.
const maxFile = 128 << 10

// environment is what the contract is checked against: the variables of the process, and the files and bindings that
// they lead to.
func environment(environ []string) contract.Environment {
	values := Variables(environ)
	return contract.Environment{Values: values, ReadFile: readValue, Exists: exists, Bindings: bindings(values["SERVICE_BINDING_ROOT"])}
}

// Variables gives an environment, NAME=VALUE each, by its names.
func Variables(environ []string) map[string]string {
	values := make(map[string]string, len(environ))
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	return values
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// readValue gives the content of a file. A pipe would be waited for, and a device may have no end: only files are read.
func readValue(name string) (string, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", plainly(err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", plainly(err)
	case !info.Mode().IsRegular():
		return "", errors.New("it is not a file")
	case info.Size() > maxFile:
		return "", errors.New("it is larger than 128 KiB")
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err == nil && bytes.IndexByte(content, 0) >= 0 {
		return "", errors.New("it holds a NUL byte, which no variable can")
	}
	return string(content), plainly(err)
}

// plainly leaves out of an error what its reader knows: the path.
func plainly(err error) error {
	if found, ok := errors.AsType[*fs.PathError](err); ok {
		return found.Err
	}
	return err
}

// bindings reads the service bindings below a folder: https://servicebinding.io/spec/core/1.1.0/#workload-projection.
// Of two bindings of one type, the first by name counts.
func bindings(root string) map[string]string {
	values := map[string]string{}
	if root == "" {
		return values
	}
	entries, _ := os.ReadDir(root)
	for _, binding := range entries {
		dir := filepath.Join(root, binding.Name())
		kind, err := readValue(filepath.Join(dir, "type"))
		if err != nil {
			continue
		}
		keys, _ := os.ReadDir(dir)
		for _, key := range keys {
			name := strings.TrimSpace(kind) + "/" + key.Name()
			if _, there := values[name]; there || strings.HasPrefix(key.Name(), ".") {
				continue
			}
			if value, err := readValue(filepath.Join(dir, key.Name())); err == nil {
				values[name] = value
			}
		}
	}
	return values
}
