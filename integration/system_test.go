package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// An application gets the distribution's packages that it asks for, in the image and while it is built, and says so in its bill of materials;
// the next build makes nothing again.
func TestPackagesOfTheDistribution(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json":      `{"name":"x","version":"1.0.0","engines":{"node":"24"},"scripts":{"build":"hello > built.txt","start":"node server.js"}}`,
		"package-lock.json": `{"name":"x","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"x","version":"1.0.0"}}}`,
		"server.js": `const {execFileSync} = require("child_process");
require("http").createServer((q, r) => r.end(execFileSync("jq", ["-r", ".a"], {input: '{"a":"of jq"}'}).toString() + require("fs").readFileSync("built.txt"))).listen(process.env.PORT);`,
		"Aptfile":      "# for the answer\njq\n:repo:deb http://example.com x main\n",
		"project.toml": "[dev.gantry]\nbuild-packages = [\"hello\"]\n",
	})
	log := p.build()
	p.Expect(log).To(MatchRegexp(`packages +jq +from Aptfile`))
	p.Expect(log).To(MatchRegexp(`build packages +hello +from project.toml:2:1`))
	p.Expect(log).To(ContainSubstring("Aptfile:3: :repo:deb http://example.com x main is not honoured"))
	p.Expect(log).To(ContainSubstring("Layer       system: created (no cached layer)"))
	_, body := p.start(run.Options{}).get("/")
	p.Expect(body).To(Equal("of jq\nHello, world!\n"))
	_, bills := p.files(func(name string) bool { return strings.HasSuffix(name, "/launch/gantry_app/sbom.cdx.json") })
	for _, bill := range bills {
		p.Expect(string(bill)).To(MatchRegexp(`"purl": ?"pkg:deb/debian/jq@[^"]+arch=amd64[^"]*distro=debian-12`))
		p.Expect(string(bill)).NotTo(ContainSubstring("pkg:deb/debian/hello"))
	}

	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       system: reused (inputs unchanged)"))
	p.Expect(log).NotTo(ContainSubstring("installing"))

	// What is needed only while it is built comes from its archive.
	p.edit("package.json", "hello >", "hello --traditional >")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       system: reused (inputs unchanged)"))
	p.Expect(log).NotTo(ContainSubstring("installing"))
	_, body = p.start(run.Options{}).get("/")
	p.Expect(body).To(Equal("of jq\nhello, world\n"))

	p.write("Aptfile", "jq\ntree\n")
	p.Expect(p.build()).To(ContainSubstring("Layer       system: created (the list of packages changed from jq to jq tree)"))
}

// What the run image has already makes no layer, and the next build does not look again.
func TestPackagesOfTheRunImage(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name":"x","engines":{"node":"24"},"scripts":{"start":"node server.js"}}`, "server.js": "", "project.toml": "[dev.gantry]\npackages = [\"bash\", \"awk\"]\n",
	})
	log := p.build()
	p.Expect(log).To(ContainSubstring("the run image has bash, awk already"))
	p.Expect(log).NotTo(ContainSubstring("Layer       system"))
	log = p.build()
	p.Expect(log).NotTo(ContainSubstring("the run image has"))
	p.Expect(log).NotTo(ContainSubstring("Layer       system"))
}

// A name that no package has fails the build with the one that is probably meant.
func TestNoSuchPackage(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name":"x","engines":{"node":"24"},"scripts":{"start":"node server.js"}}`, "server.js": "", "project.toml": "[dev.gantry]\npackages = [\"ffmpg\"]\n",
	})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Debian 12 (bookworm) has no package ffmpg"))
	p.Expect(log).To(ContainSubstring("Do you mean ffmpeg?"))
}
