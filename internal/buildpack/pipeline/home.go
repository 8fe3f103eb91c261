package pipeline

import (
	"bytes"
	"crypto/x509"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// caBinding is the type of the service bindings that hold certificates to trust, one or more a file:
// https://paketo.io/docs/howto/configuration/#ca-certificates.
const caBinding = "ca-certificates"

const caFile = "ca-certificates.pem"

// makeHome makes the home folder of the build's programs where they need one of their own: to find in it what service
// bindings hold, or because the user has none that can be written to. remove takes it away; no layer ever has it.
func (w *work) makeHome() (remove func() error, err error) {
	files := map[string][]byte{}
	var trusted []byte
	for _, binding := range w.ctx.Platform.Bindings {
		kind := strings.ToLower(binding.Type)
		name, known := w.homeFile(kind)
		if known {
			content, err := bound(binding, filepath.Base(name))
			if err != nil {
				return nil, err
			}
			files[name] = content
		}
		if kind == caBinding {
			for _, key := range slices.Sorted(maps.Keys(binding.Secret)) {
				trusted = append(append(trusted, binding.Secret[key]...), '\n')
			}
		}
	}
	own := w.variables()["HOME"]
	if len(files)+len(trusted) == 0 && own != "" && unix.Access(own, unix.W_OK) == nil {
		w.home = own
		return func() error { return nil }, nil
	}
	if w.home, err = os.MkdirTemp("", "gantry-home-"); err != nil {
		return nil, problem.Disk("make a home folder", err)
	}
	remove = func() error { return os.RemoveAll(w.home) }
	if len(trusted) > 0 {
		if files[caFile], err = w.trust(trusted); err != nil {
			return nil, errors.Join(err, remove())
		}
	}
	for name, content := range files {
		file := filepath.Join(w.home, name)
		err := os.MkdirAll(filepath.Dir(file), 0o700)
		if err == nil {
			err = os.WriteFile(file, content, 0o600)
		}
		if err != nil {
			return nil, errors.Join(problem.Disk("write "+name, err), remove())
		}
	}
	return remove, nil
}

// homeFile gives the place, in the home folder, of what a type of service binding holds.
func (w *work) homeFile(kind string) (string, bool) {
	name, known := w.plan.HomeFiles[kind]
	if !known && w.plan.Provides != nil {
		name, known = w.plan.Provides.HomeFiles[kind]
	}
	return name, known
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
			return nil, problem.Disk("read the binding "+binding.Name, err)
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

// trust has this build trust certificates beside those that the build image trusts; it gives them all.
func (w *work) trust(more []byte) (all []byte, err error) {
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
	w.client.Trust(pool)
	if bundle := certificates(w.variables()["SSL_CERT_FILE"]); bundle != "" {
		if all, err = os.ReadFile(bundle); err != nil {
			return nil, problem.Disk("read "+bundle, err)
		}
	}
	w.certificates = filepath.Join(w.home, caFile)
	return bytes.Join([][]byte{all, more}, []byte("\n")), nil
}
