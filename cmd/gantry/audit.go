package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/deploy/audit"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// npmRegistry is asked for advisories when no other is named.
const npmRegistry = "https://registry.npmjs.org"

func auditCommand() *cobra.Command {
	o := audit.Options{Out: os.Stdout}
	var place target.Options
	var level, sarif string
	c := &cobra.Command{
		Use: "audit IMAGE|TARGET|APP_DIR [options]", Short: "Look for known vulnerabilities, secrets and loose modes in an image", GroupID: "deploy",
		Long: `Reads the bills of materials of an image and compares its packages with advisories: of npm's registry, and of files or addresses in OSV's format. It also looks
for releases of Node.js and Ruby without security fixes, for secrets in the application's files, and for modes that give more than is needed.
The image is a reference, the folder of an OCI layout, or a tarball; that of a running container (deploy/web, docker://web, run://web); or the one that
the last build of an application's folder has kept.

Exit codes: 0 nothing was found, 1 something was, 2 it could not be looked up.`,
		Example: `  gantry audit registry.example/shop
  gantry audit deploy/web --level high
  gantry audit . --advisories https://osv-vulnerabilities.storage.googleapis.com/RubyGems/all.zip --sarif audit.sarif`,
		Args: arguments(1, 1, "an image, a target or an application's folder"), Annotations: map[string]string{judges: "yes"},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Feeds, "advisories", nil, "a file, folder or address with documents of OSV: JSON, or a ZIP archive; can be given several times")
	f.StringVar(&o.Registry, "registry", npmRegistry, "the npm registry that is asked for advisories; none: it is not asked")
	f.StringVar(&level, "level", string(audit.Unrated), "the least severity that counts: unrated, low, moderate, high, critical")
	f.StringSliceVar(&o.Ignore, "ignore", nil, "ids of advisories that do not count: ID,ID …")
	f.BoolVar(&o.JSON, "json", false, "print the result as JSON")
	f.StringVar(&sarif, "sarif", "", "also write a report for code scanners (SARIF 2.1.0) into this file")
	f.StringVarP(&place.Namespace, "namespace", "n", "", "of a TARGET, as kubectl has it")
	f.StringVar(&place.Context, "context", "", "of a TARGET, as kubectl has it")
	f.StringVarP(&place.Container, "container", "c", "", "of a TARGET, as kubectl has it")
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := oneOf(c, "level", level, []string{"unrated", "low", "moderate", "high", "critical"}); err != nil {
			return err
		}
		o.Level, o.Now = audit.Severity(level), time.Now()
		if o.Registry == "none" {
			o.Registry = ""
		}
		image, done, err := imageOf(c.Context(), words[0], place)
		if err != nil {
			return err
		}
		defer done()
		o.Name, o.Image = words[0], image
		if sarif == "" {
			return verdict(audit.Run(c.Context(), o))
		}
		var report bytes.Buffer
		o.SARIF = &report
		code, err := audit.Run(c.Context(), o)
		if err != nil {
			return err
		}
		if err := os.WriteFile(sarif, report.Bytes(), 0o644); err != nil {
			return problem.Disk("write "+sarif, err)
		}
		return verdict(code, err)
	}
	return c
}

// imageOf opens the image that a word means; done removes what was put on disk for it.
func imageOf(ctx context.Context, word string, place target.Options) (image v1.Image, done func(), err error) {
	done = func() {}
	_, statErr := os.Stat(word)
	switch {
	case statErr == nil:
		if word, err = lastBuilt(word); err != nil {
			return nil, done, err
		}
	case strings.HasPrefix(word, "run://"):
		if word, err = containerImage(strings.TrimPrefix(word, "run://")); err != nil {
			return nil, done, err
		}
	case target.Is(word) && (strings.Contains(word, "://") || !strings.Contains(word, ".")):
		t, err := target.Parse(word, place)
		if err != nil {
			return nil, done, err
		}
		if word, err = t.Image(ctx); err != nil {
			return nil, done, err
		}
		if t.IsDocker() {
			return fromDocker(ctx, word)
		}
	}
	image, err = oci.Open(ctx, word)
	if err != nil {
		return nil, done, noImage(word, err)
	}
	return image, done, nil
}

// lastBuilt gives the image that the last build of an application's folder has kept; a word that is no such folder stays as it is.
func lastBuilt(word string) (string, error) {
	if info, err := os.Stat(word); err != nil || !info.IsDir() {
		return word, nil
	}
	if _, err := os.Stat(filepath.Join(word, "oci-layout")); err == nil {
		return word, nil
	}
	return keptImage(word)
}

func noImage(word string, err error) error {
	return &problem.Problem{
		ID: "audit/image", Title: fmt.Sprintf("the image %s cannot be read", word), Why: err.Error(),
		Hints: []string{"Give a reference that this machine may pull, the folder of an OCI layout, or a tarball of docker save."}, Err: err,
	}
}

// fromDocker takes an image from the Docker engine, through a file.
func fromDocker(ctx context.Context, id string) (v1.Image, func(), error) {
	file, err := os.CreateTemp("", "gantry-audit-*.tar")
	if err != nil {
		return nil, func() {}, problem.Disk("make a temporary file", err)
	}
	_ = file.Close()
	done := func() { _ = os.Remove(file.Name()) }
	if out, err := exec.CommandContext(ctx, "docker", "save", "--output", file.Name(), id).CombinedOutput(); err != nil {
		done()
		return nil, func() {}, noImage(id, fmt.Errorf("docker save: %s", strings.TrimSpace(string(out))))
	}
	image, err := oci.Open(ctx, file.Name())
	if err != nil {
		done()
		return nil, func() {}, noImage(id, err)
	}
	return image, done, nil
}
