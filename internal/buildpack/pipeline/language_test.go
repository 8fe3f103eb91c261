package pipeline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/pipeline"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// website is a third language, of static files: all that adding one takes.
type website struct{}

func (website) LookedFor() []string { return []string{"index.html"} }

func (website) Read(a app.App, _ settings.Settings) (resolve.Project, error) {
	if !a.Has("index.html") {
		return nil, nil
	}
	return website{}, nil
}

func (website) Name() string { return "website" }

func (website) Provides() []string { return []string{"website"} }

func (website) Plan(inventory.Catalog) (plan.Plan, error) {
	return plan.Plan{
		Decisions: []plan.Decision{{Subject: "web", Value: "static files", Origin: "index.html is there"}},
		Image: plan.Image{
			Processes: []plan.Process{{Type: "web", Default: true, Args: []string{plan.StaticServer, "."}}},
			Source:    plan.SourceFiles{Remove: []string{"project.toml"}, Slices: [][]string{{"images"}}},
		},
	}, nil
}

// A language is added without touching what builds.
func TestAThirdLanguage(t *testing.T) {
	w := newWorkshop(t)
	w.write(w.buildpack, "bin/static", "the web server")
	w.write(w.source, "index.html", "hello")
	w.write(w.source, "images/logo.svg", "a logo")
	w.write(w.source, "project.toml", "[dev.gantry.drain]\ntimeout = \"20s\"\n")
	var out bytes.Buffer
	b := pipeline.Builder{Environ: os.Environ(), Log: buildlog.New(&out, false), Resolve: resolve.Resolver{Languages: []resolve.Language{website{}}}.Plan}
	result, err := b.Build(context.Background(), libcnb.BuildContext{
		ApplicationPath: w.source, Layers: libcnb.Layers{Path: w.layers}, Buildpack: libcnb.Buildpack{Path: w.buildpack},
	})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(out.String()).To(ContainSubstring("  web  static files  index.html is there\n"))
	w.Expect(result.Layers).To(HaveLen(1))
	w.Expect(filepath.Join(w.layers, "gantry/bin/static")).To(BeARegularFile())
	w.Expect(result.Slices).To(Equal([]libcnb.Slice{{Paths: []string{"images"}}}))
	w.Expect(filepath.Join(w.source, "project.toml")).NotTo(BeAnExistingFile())
	w.Expect(result.Processes).To(ContainElement(HaveField("Command", ContainElements("--", filepath.Join(w.layers, "gantry/bin/static"), "."))))
}
