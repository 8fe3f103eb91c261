package dockerfile_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/dockerfile"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text                string
		packages, variables []string
	}{
		"several lines":   {text: "FROM node:24\nRUN apt-get update && \\\n  # what it needs\n  apt-get install -y --no-install-recommends \\\n    ffmpeg=7:5.1 \\\n    libvips42 ca-certificates && rm -rf /var/lib/apt/lists/*\n", packages: []string{"ffmpeg", "libvips42"}},
		"the last stage":  {text: "FROM node AS build\nRUN apt-get -y install libvips-dev\nENV A=1\nFROM node:slim\nENV NODE_ENV=production B=2 C=\"x y\"\nENV D e f\n", variables: []string{"B", "C", "D"}},
		"apt, quietly":    {text: "from debian\nrun apt -qq install -y imagemagick; echo done", packages: []string{"imagemagick"}},
		"a named stage":   {text: "FROM node AS base\nRUN apt-get install -y ffmpeg\nENV A=1\nFROM base AS build\nRUN apt-get install -y libvips-dev\nFROM base\nENV\tB=2\n", packages: []string{"ffmpeg"}, variables: []string{"A", "B"}},
		"another release": {text: "FROM node\nRUN apt-get install -t bookworm-backports -y jq 2>&1\n", packages: []string{"jq"}},
		"npm":             {text: "FROM node\nRUN npm install express\nCMD [\"node\", \"a.js\"]\n"},
		"a list":          {text: "FROM node\nRUN [\"apt-get\", \"install\", \"-y\", \"jq\"]\n", packages: []string{"jq"}},
		"nothing":         {text: ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := dockerfile.Read([]byte(c.text))
			g.Expect(a.Packages).To(Equal(c.packages))
			g.Expect(a.Variables).To(Equal(c.variables))
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"RUN \\", "ENV", "ENV =", "RUN apt-get install", "\\\n\\", "FROM\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, text []byte) { dockerfile.Read(text) })
}
