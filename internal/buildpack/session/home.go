package session

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// caFile is the file, in the home folder, with the certificates to trust.
const caFile = "ca-certificates.pem"

// home is the home folder of the build's programs.
type home struct {
	dir string
	// certificates is the file of those that the programs trust, where the user has given some.
	certificates string
	// temporary: the folder was made for this build.
	temporary bool
}

// remove deletes a folder that was made; no layer ever has it.
func (h home) remove() error {
	if !h.temporary {
		return nil
	}
	if os.RemoveAll(h.dir) == nil {
		return nil
	}
	// Tools leave folders there that cannot be written to, such as Go's module cache.
	_ = filepath.WalkDir(h.dir, func(file string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(file, 0o700)
		}
		return nil
	})
	return os.RemoveAll(h.dir)
}

// makeHome gives the home folder. It is a new one where the build's programs need that: to find in it what service bindings
// hold, or because the user has no home folder that can be written to.
func makeHome(given serviceBindings, variables map[string]string) (home, error) {
	files := map[string][]byte{}
	for _, name := range given.homeFiles() {
		if same := given.of(name); len(same) > 0 {
			content, err := bound(same[0], filepath.Base(name))
			if err != nil {
				return home{}, err
			}
			files[name] = content
		}
	}
	more := given.certificates()
	own := variables["HOME"]
	if len(files)+len(more) == 0 && own != "" && unix.Access(own, unix.W_OK) == nil {
		return home{dir: own}, nil
	}
	dir, err := os.MkdirTemp("", "gantry-home-")
	if err != nil {
		return home{}, problem.Disk("make a home folder", err)
	}
	h := home{dir: dir, temporary: true}
	if len(more) > 0 {
		if files[caFile], err = bundle(more, variables); err != nil {
			return home{}, errors.Join(err, h.remove())
		}
		h.certificates = filepath.Join(dir, caFile)
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o700)
		if err == nil {
			err = os.WriteFile(file, content, 0o600)
		}
		if err != nil {
			return home{}, errors.Join(problem.Disk("write "+name, err), h.remove())
		}
	}
	return h, nil
}

// bound reads the file of a binding: by its name, with or without the dot in front, or the only one that there is. libcnb
// does not read files with a dot.
func bound(binding libcnb.Binding, name string) ([]byte, error) {
	for _, candidate := range []string{name, strings.TrimPrefix(name, ".")} {
		text, err := os.ReadFile(filepath.Join(binding.Path, candidate))
		if err == nil {
			return text, nil
		}
		if !os.IsNotExist(err) {
			return nil, problem.Unreadable("read the binding "+binding.Name, err)
		}
	}
	if len(binding.Secret) == 1 {
		for _, text := range binding.Secret {
			return []byte(text + "\n"), nil
		}
	}
	return nil, &problem.Problem{
		ID:    "bindings/file-missing",
		Title: "the service binding " + binding.Name + " does not hold what its type says",
		Why:   "it is of type " + binding.Type + ", and there is no file " + name + " in it",
		Hints: []string{"Name the file " + name + ", or correct the type."},
	}
}

// trusted are the certificates that the build image trusts, and more.
func trusted(more []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(more) {
		return nil, &problem.Problem{
			ID:    "bindings/certificates-invalid",
			Title: "a service binding of type " + caBinding + " holds no certificate",
			Why:   "there is no PEM block in it that is one",
			Hints: []string{"Put certificates into it as text that begins with -----BEGIN CERTIFICATE-----."},
		}
	}
	return pool, nil
}

// bundle is the text of all certificates that the build image trusts, and of more.
func bundle(more []byte, variables map[string]string) (all []byte, err error) {
	if file := certificates(variables["SSL_CERT_FILE"]); file != "" {
		if all, err = os.ReadFile(file); err != nil {
			return nil, problem.Unreadable("read "+file, err)
		}
	}
	return bytes.Join([][]byte{all, more}, []byte("\n")), nil
}

// bundles are where distributions keep the certificates they trust, as in Go's crypto/x509.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

// certificates gives the first of these files that exists, after one that was chosen; empty without any.
func certificates(chosen string) string {
	for _, file := range append([]string{chosen}, bundles...) {
		if _, err := os.Stat(file); err == nil && file != "" {
			return file
		}
	}
	return ""
}
