package aptfile_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/aptfile"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  aptfile.Asked
	}{
		"nothing": {},
		"Aptfile": {map[string]string{"Aptfile": "# for pictures\nimagemagick  # convert\n\nlibvips42 ffmpeg=7:5.1.6-0+deb12u1\r\n"},
			aptfile.Asked{Names: []string{"imagemagick", "libvips42", "ffmpeg=7:5.1.6-0+deb12u1"}, Where: problem.Position{File: "Aptfile"}}},
		"Aptfile with other archives": {map[string]string{"Aptfile": ":repo:deb http://example.com stable main\nhttps://example.com/x.deb\nffmpeg\n"},
			aptfile.Asked{Names: []string{"ffmpeg"}, Where: problem.Position{File: "Aptfile"}, NotHonoured: []string{
				"Aptfile:1: :repo:deb http://example.com stable main is not honoured: packages come from the distribution's own archive",
				"Aptfile:2: https://example.com/x.deb is not honoured: packages come from the distribution's own archive",
			}}},
		"project.toml": {map[string]string{"Aptfile": "x", "project.toml": "[_]\nschema-version = \"0.2\"\n\n[com.heroku.buildpacks.deb-packages]\ninstall = [\n  \"git\",\n  { name = \"ffmpeg\", skip_dependencies = true },\n]\n"},
			aptfile.Asked{Names: []string{"git", "ffmpeg"}, Where: problem.Position{File: "project.toml", Line: 4, Column: 24},
				NotHonoured: []string{"project.toml:4:24: skip_dependencies of ffmpeg is not honoured: a package gets what it depends on", "Aptfile is not read: project.toml:4:24 says which packages there are"}}},
		"project.toml of odd forms": {map[string]string{"project.toml": "[com.heroku.buildpacks.deb-packages]\ninstall = [1, {nam = \"x\"}, {name = \"y\", force = true}]\nsources = []\n"},
			aptfile.Asked{Names: []string{"y"}, Where: problem.Position{File: "project.toml", Line: 1, Column: 24}, NotHonoured: []string{
				"project.toml:1:24: 1 in install is not honoured: a name is expected", "project.toml:1:24: an entry of install without a name is not honoured",
				"project.toml:1:24: force of y is not honoured: a package that the run image has is not installed again",
				"project.toml:1:24: sources is not honoured: packages come from the distribution's own archive",
			}}},
		"project.toml without a list": {map[string]string{"project.toml": "[com.heroku.buildpacks.deb-packages]\ninstall = \"jq\"\n"},
			aptfile.Asked{Where: problem.Position{File: "project.toml", Line: 1, Column: 24}, NotHonoured: []string{"project.toml:1:24: install is not honoured: a list is expected"}}},
		"a mark of the byte order": {map[string]string{"Aptfile": "\ufeffjq\n"}, aptfile.Asked{Names: []string{"jq"}, Where: problem.Position{File: "Aptfile"}}},
		"another table":            {map[string]string{"project.toml": "[com.heroku]\nx = 1\n"}, aptfile.Asked{}},
	} {
		t.Run(name, func(t *testing.T) {
			g, dir := NewWithT(t), t.TempDir()
			for file, text := range c.files {
				g.Expect(os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)).To(Succeed())
			}
			g.Expect(aptfile.Read(app.Open(dir))).To(Equal(c.want))
		})
	}
}
