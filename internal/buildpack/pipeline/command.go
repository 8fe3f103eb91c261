package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// command runs a program of the toolchain in the application's folder.
func (w *work) command(ctx context.Context, subject string, step plan.Command) error {
	output := w.Report.Output()
	environ := w.environ()
	for _, name := range slices.Sorted(maps.Keys(step.Env)) {
		environ = append(environ, name+"="+step.Env[name])
	}
	step.Args = w.ownTool(step.Args)
	var remarks []string
	warn := func(text string) { remarks = append(remarks, text) }
	runner := command.Runner{Dir: filepath.Join(w.ctx.ApplicationPath, step.Dir), Env: environ, Output: output, Warn: warn}
	end := w.Report.Step(subject, step.Title)
	err := runner.Run(ctx, step)
	_ = output.Close()
	if err != nil {
		end("")
		return err
	}
	end(step.Title)
	for _, remark := range remarks {
		w.Report.Warning(remark)
	}
	return nil
}

// ownTool takes the package manager from the toolchain, even where a package of the application brings one of that name,
// whatever its version: semantic-release, for one, has npm among its dependencies.
func (w *work) ownTool(args []string) []string {
	for _, tool := range tools(w.plan.Runtime) {
		if _, is := tool.Bin[args[0]]; !is {
			continue
		}
		program := filepath.Join(w.toolchain, "bin", args[0])
		if _, err := os.Stat(program); err == nil {
			return append([]string{program}, args[1:]...)
		}
	}
	return args
}

// environ is what programs of the build see.
func (w *work) environ() []string {
	values := w.variables()
	path := append(append(w.launchPaths(), filepath.Join(w.toolchain, "bin")), append(w.path, values["PATH"])...)
	values["PATH"] = strings.Join(path, string(os.PathListSeparator))
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, fmt.Sprintf("%s=%s", name, values[name]))
	}
	return list
}

// variables are the platform's over the process's, and the plan's where none is set.
func (w *work) variables() map[string]string {
	values := map[string]string{}
	for _, variable := range w.Environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	maps.Copy(values, w.ctx.Platform.Environment)
	if w.home != "" {
		values["HOME"] = w.home
	}
	if w.certificates != "" {
		values["SSL_CERT_FILE"] = w.certificates
	}
	for name, value := range w.plan.BuildEnv {
		if _, set := values[name]; set {
			continue
		}
		value = w.inImage(strings.ReplaceAll(value, plan.ToolchainDir, w.toolchain))
		if value == plan.CACertificates {
			if value = certificates(values["SSL_CERT_FILE"]); value == "" {
				continue
			}
		}
		values[name] = value
	}
	return values
}

// bundles are where distributions keep the certificates they trust, as in Go's crypto/x509.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
}

func certificates(chosen string) string {
	for _, file := range append([]string{chosen}, bundles...) {
		if _, err := os.Stat(file); err == nil && file != "" {
			return file
		}
	}
	return ""
}
