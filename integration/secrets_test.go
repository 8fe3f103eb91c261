package integration

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/gomega"
)

// A canary in every place where a build is given secrets: it is in no output, no layer, no label, and no cache.
func TestSecretsStayOutOfEverything(t *testing.T) {
	t.Parallel()
	const canary = "canary-4f1c9a"
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node -e \"require('fs').writeFileSync('built', String(process.env.TOKEN.length))\""}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "process.env.API_KEY",
		"project.toml": "[dev.gantry.node]\npure-build = true\n[dev.gantry.config.API_KEY]\nsecret = true\n",
	})
	p.lock()
	p.write(".npmrc", "//registry.example/:_authToken=${TOKEN}\n//registry.other/:_authToken="+canary+"\n")
	p.env["TOKEN"], p.env["API_KEY"] = canary, canary
	for range 2 {
		p.Expect(p.build()).NotTo(ContainSubstring(canary))
	}
	c := p.start(runDefault)
	_, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(c.out.String()).NotTo(ContainSubstring(canary))

	p.expectNowhere(canary)
}

// expectNowhere searches the image and the cache.
func (p *project) expectNowhere(canary string) {
	raw, err := p.last.Image.RawConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(string(raw)).NotTo(ContainSubstring(canary))
	for _, content := range p.contents() {
		text, err := io.ReadAll(content)
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(bytes.Contains(text, []byte(canary))).To(BeFalse(), "a layer of the image")
	}
	p.Expect(filepath.WalkDir(p.cache, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(file)
		p.Expect(bytes.Contains(text, []byte(canary))).To(BeFalse(), file)
		if err == nil && strings.HasSuffix(file, ".tar") {
			p.expectNotIn(canary, text)
		}
		return err
	})).To(Succeed())
}

// expectNotIn searches the archives in a layer of the cache.
func (p *project) expectNotIn(canary string, layer []byte) {
	for files := tar.NewReader(bytes.NewReader(layer)); ; {
		header, err := files.Next()
		if err == io.EOF {
			return
		}
		p.Expect(err).NotTo(HaveOccurred())
		if !strings.HasSuffix(header.Name, ".zst") {
			continue
		}
		content, err := zstd.NewReader(files)
		p.Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(content)
		content.Close()
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(bytes.Contains(text, []byte(canary))).To(BeFalse(), header.Name)
	}
}
