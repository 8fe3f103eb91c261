package buildlog_test

import (
	"bytes"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func TestLooks(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	r := buildlog.New(&out, false)
	r.Title("Gantry 1.2.3")
	r.Decisions([]plan.Decision{{Subject: "Node.js", Value: "24.18.0", Origin: "from .nvmrc (24)"}, {Subject: "web", Value: "node server.js", Origin: "server.js is there"}})
	r.Line("Layer", "node: reused")
	output := r.Output()
	_, _ = output.Write([]byte("first\r\nsec"))
	_, _ = output.Write([]byte("ond\nlast"))
	_ = output.Close()
	r.Problem(&problem.Problem{
		ID: "x/y", Title: "It broke", Where: problem.Position{File: "a.json", Line: 2, Column: 3}, Why: "because",
		Hints: []string{"Mend it.", "Or leave it."},
	})
	g.Expect(out.String()).To(Equal(`Gantry 1.2.3
  Node.js  24.18.0         from .nvmrc (24)
  web      node server.js  server.js is there

  Layer       node: reused
  | first
  | second
  | last

Failed: It broke  [x/y]
  where  a.json:2:3
  why    because
  do     Mend it.
  or     Or leave it.

`))
}

func TestColourOnlyWhenAllowed(t *testing.T) {
	var plain, colored bytes.Buffer
	p := &problem.Problem{ID: "x/y", Title: "It broke"}
	buildlog.New(&plain, false).Problem(p)
	buildlog.New(&colored, true).Problem(p)
	NewWithT(t).Expect(plain.String()).NotTo(ContainSubstring("\x1b"))
	NewWithT(t).Expect(colored.String()).To(ContainSubstring("\x1b[31mFailed:\x1b[0m"))
}
