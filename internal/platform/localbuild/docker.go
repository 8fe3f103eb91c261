package localbuild

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// engine is a Docker engine, as the program docker reaches it.
type engine struct {
	// host is where it listens: unix:///var/run/docker.sock.
	host string
	// config is the folder of a configuration that knows the password of the build's registry.
	config string
}

// intoDocker gives the image to the Docker engine: by having it pull from the registry of the build, so that it takes the layers that it
// lacks and no others; where it cannot reach that, as one stream.
func (b *build) intoDocker(ctx context.Context, image v1.Image) error {
	tag, err := name.NewTag(b.options.Docker)
	if err != nil {
		return &problem.Problem{ID: "localbuild/tag", Title: b.options.Docker + " is no name of an image", Why: err.Error(), Hints: []string{"Write NAME or NAME:TAG."}, Err: err}
	}
	defer b.report.Span("Platform", "give the image to Docker")()
	e := engine{host: os.Getenv("DOCKER_HOST")}
	if e.host == "" {
		out, err := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
		if err != nil {
			return dockerFailed(err)
		}
		e.host = strings.TrimSpace(string(out))
	}
	if strings.HasPrefix(e.host, "unix://") {
		if err = b.pulled(ctx, e, image, tag); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return e.load(ctx, image, tag)
}

// pulled has the engine pull the image, and gives it its name.
func (b *build) pulled(ctx context.Context, e engine, image v1.Image, tag name.Tag) error {
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	if err := b.store.offer(ctx, appRepository, image); err != nil {
		return err
	}
	if e.config, err = os.MkdirTemp("", "gantry-docker-"); err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(e.config) }()
	basic := base64.StdEncoding.EncodeToString([]byte(userName + ":" + b.store.password))
	text, err := json.Marshal(map[string]any{"auths": map[string]any{b.store.address: map[string]string{"auth": basic}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.config, "config.json"), text, 0o600); err != nil {
		return problem.Disk("write a temporary file", err)
	}
	pulled := b.store.address + "/" + appRepository + "@" + digest.String()
	for _, words := range [][]string{{"pull", "--quiet", pulled}, {"tag", pulled, tag.Name()}, {"rmi", "--no-prune", pulled}} {
		if err := e.docker(ctx, nil, words...); err != nil {
			return err
		}
	}
	return nil
}

// load sends the image to the engine.
func (e engine) load(ctx context.Context, image v1.Image, tag name.Tag) error {
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(tarball.Write(tag, image, write)) }()
	return e.docker(ctx, read, "load", "--quiet")
}

func (e engine) docker(ctx context.Context, in io.Reader, words ...string) error {
	if e.config != "" {
		words = append([]string{"--config", e.config}, words...)
	}
	cmd := exec.CommandContext(ctx, "docker", append([]string{"--host", e.host}, words...)...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &said
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		exit.Stderr = said.Bytes()
	}
	return dockerFailed(err)
}

func dockerFailed(err error) error {
	if err == nil {
		return nil
	}
	p := &problem.Problem{
		ID: "localbuild/docker", Title: "the image could not be given to Docker", Why: err.Error(),
		Hints: []string{"See that `docker ps` works for you: the engine runs, and you may use it.", "Build with --output image.tar, and load that where Docker is."}, Err: err,
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		p.Why = strings.TrimSpace(string(exit.Stderr))
	}
	return p
}
