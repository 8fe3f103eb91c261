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
				NotHonoured: []string{"project.toml:4:24: skip_dependencies of ffmpeg is not honoured: a package gets what it depends on"}}},
		"another table": {map[string]string{"project.toml": "[com.heroku]\nx = 1\n"}, aptfile.Asked{}},
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
