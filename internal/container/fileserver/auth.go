package fileserver

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	htpasswd "github.com/tg123/go-htpasswd"
)

// htpasswdType is the type of a binding with passwords, and its file: https://paketo.io/docs/howto/web-servers/#set-up-basic-authentication.
const (
	htpasswdType = "htpasswd"
	htpasswdFile = ".htpasswd"
)

// Credentials gives what tells whether a name and a password are known: those of a service binding of the type htpasswd, else those that the site's source has, or, if it wants
// them, those of BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD. It is nil where the site asks for none. What cannot be read is an error: a site that was meant to be closed
// does not open. https://servicebinding.io/spec/core/1.1.0/#workload-projection.
func Credentials(s site.Site, lookup func(string) (string, bool)) (allow func(name, password string) bool, err error) {
	root, _ := lookup("SERVICE_BINDING_ROOT")
	if root == "" {
		root, _ = lookup("CNB_BINDINGS")
	}
	if root != "" {
		file, err := bound(root)
		if err != nil {
			return nil, err
		}
		if file != "" {
			return fromFile(file)
		}
	}
	if s.Passwords != "" {
		return fromText("Staticfile.auth", strings.NewReader(s.Passwords))
	}
	if !s.BasicAuth {
		return nil, nil
	}
	name, _ := lookup("BASIC_AUTH_USERNAME")
	password, _ := lookup("BASIC_AUTH_PASSWORD")
	if name == "" || password == "" {
		return nil, errors.New("the site asks for a name and a password: set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD, or give a binding of the type htpasswd")
	}
	return func(n, p string) bool {
		return subtle.ConstantTimeCompare([]byte(n), []byte(name))&subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1
	}, nil
}

// bound gives the file of the binding; empty where there is none of the type.
func bound(root string) (string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the service bindings: %w", err)
	}
	for _, entry := range entries {
		kind, err := os.ReadFile(filepath.Join(root, entry.Name(), "type"))
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return "", fmt.Errorf("read the service bindings: %w", err)
		}
		if strings.EqualFold(strings.TrimSpace(string(kind)), htpasswdType) {
			return filepath.Join(root, entry.Name(), htpasswdFile), nil
		}
	}
	return "", nil
}

func fromFile(name string) (func(name, password string) bool, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the passwords: %w", err)
	}
	defer func() { _ = file.Close() }()
	return fromText(name, file)
}

func fromText(name string, text io.Reader) (func(name, password string) bool, error) {
	bad := 0
	list, err := htpasswd.NewFromReader(text, htpasswd.DefaultSystems, func(error) { bad++ })
	if err != nil || bad > 0 {
		// The error quotes the line, with what is secret.
		return nil, fmt.Errorf("%s is not understood: each line is written as htpasswd writes it", name)
	}
	return list.Match, nil
}
