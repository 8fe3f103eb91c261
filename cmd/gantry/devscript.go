//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// developmentBuild are the variables of a build for a script: nothing is built for production.
func developmentBuild(script string) []string {
	return []string{"BP_NODE_KEEP_DEV=true", "BP_NODE_RUN_SCRIPTS=", "BP_WEB_COMMAND=npm run " + script}
}

// needsBuild reports whether a change is not seen by a running script: one of a file beside the folders of the source, which editors give a new file, or of
// a manifest.
func (d development) needsBuild(name string) bool {
	return !strings.Contains(name, "/") || slices.Contains([]string{"package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"}, filepath.Base(name))
}

// source are the folders and files of the source, where the container has its own: packages stay those of the image.
func (d development) source() (list []run.Volume, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, problem.Unreadable("read "+d.dir, err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "node_modules" && name != ".git" && (entry.IsDir() || entry.Type().IsRegular()) {
			source, err := filepath.Abs(filepath.Join(d.dir, name))
			if err != nil {
				return nil, err
			}
			list = append(list, run.Volume{Source: source, Target: "/workspace/" + name})
		}
	}
	return list, nil
}
