// Package node is all that is known of Node.js applications: which versions they ask for, how they are installed, built
// and started. It reads the source tree and decides; it has no effects.
package node

import (
	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/procfile"
	"github.com/gantry-buildpack/gantry/internal/settings"
)

// entryFiles are started when nothing else says what to start, in this order.
var entryFiles = []string{"server.js", "server.mjs", "server.cjs", "index.js", "index.mjs", "index.cjs", "app.js"}

// detectFiles are the entry files that make an application even without a package.json.
var detectFiles = entryFiles[:6]

// LookedFor are the files by which a Node.js application is recognised.
var LookedFor = append([]string{manifestFile}, detectFiles...)

// Project is a Node.js application as its files describe it.
type Project struct {
	app      app.App
	settings settings.Settings
	manifest manifest
	procfile []procfile.Entry
	// registry is the npm registry's URL.
	registry string
}

// Read gives the project in a source tree; nil when it is no Node.js application.
func Read(a app.App, s settings.Settings) (*Project, error) {
	m, found, err := readManifest(a)
	if err != nil {
		return nil, err
	}
	if !found && firstOf(a, detectFiles) == "" {
		return nil, nil
	}
	p := &Project{app: a, settings: s, manifest: m}
	if p.registry, err = chooseRegistry(a, s); err != nil {
		return nil, err
	}
	if text, found, err := a.Read(procfile.Name); err != nil {
		return nil, err
	} else if found {
		if p.procfile, err = procfile.Parse(text); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func firstOf(a app.App, names []string) string {
	for _, name := range names {
		if a.Has(name) {
			return name
		}
	}
	return ""
}

// Name is what the build plan calls the runtime.
func (*Project) Name() string { return "node" }
