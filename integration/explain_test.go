package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/explain"
)

// layersMade are the launch layers and the caches of the last build.
func (p *project) layersMade() (image, caches []string) {
	launch := regexp.MustCompile(`^Layer: '([^']+)', Created by buildpack: gantry/app`)
	for history := range p.layers() {
		if m := launch.FindStringSubmatch(history); m != nil {
			image = append(image, m[1])
		}
	}
	text, err := os.ReadFile(filepath.Join(p.cache, "layers/committed/io.buildpacks.lifecycle.cache.metadata"))
	p.Expect(err).NotTo(HaveOccurred())
	var metadata struct {
		Buildpacks []struct {
			Layers map[string]struct{ Cache bool }
		}
	}
	p.Expect(json.Unmarshal(text, &metadata)).To(Succeed())
	for _, buildpack := range metadata.Buildpacks {
		for name, l := range buildpack.Layers {
			if l.Cache {
				caches = append(caches, name)
			}
		}
	}
	return image, caches
}

// What gantry explain says of the layers is what a build makes.
func TestExplainListsTheLayers(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, p *project){
		"express": nil, "plain": nil, "typescript": nil, "sinatra": func(t *testing.T, p *project) { rubyMirror(t).use(t, p, "3.4.5") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := copySample(t, name)
			if prepare != nil {
				prepare(t, p)
			}
			var out bytes.Buffer
			p.Expect(explain.Write(explain.Options{App: p.dir, Arch: "amd64", Lookup: cnb.Lookup(p.env, nil), JSON: true}, &out)).To(Succeed())
			var explained struct {
				Layers []struct {
					Name         string
					Image, Cache bool
					Sometimes    string
				}
			}
			p.Expect(json.Unmarshal(out.Bytes(), &explained)).To(Succeed())
			log := p.build()
			image, caches := p.layersMade()
			var saidOfImage, saidOfCaches []string
			for _, l := range explained.Layers {
				switch {
				case l.Cache:
					saidOfCaches = append(saidOfCaches, l.Name)
					if l.Sometimes == "" {
						p.Expect(caches).To(ContainElement(l.Name), log)
					}
				case !regexp.MustCompile(`^application`).MatchString(l.Name):
					if l.Sometimes == "" {
						p.Expect(image).To(ContainElement(l.Name), log)
					}
					saidOfImage = append(saidOfImage, l.Name)
				}
			}
			p.Expect(saidOfImage).To(ContainElements(image), log)
			p.Expect(saidOfCaches).To(ContainElements(caches), log)
		})
	}
}
