package resolve_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

func TestConflictsAreRefused(t *testing.T) {
	const marks = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n"
	for _, name := range []string{"yarn.lock", "Gemfile.lock", "shop/pnpm-lock.yaml"} {
		g := NewWithT(t)
		files := fstest.MapFS{name: {Data: []byte(marks)}, "package.json": {Data: []byte("{}")}}
		_, err := resolve.Recognize(app.App{FS: files}, func(variable string) (string, bool) { return "shop", variable == "BP_NODE_PROJECT_PATH" })
		g.Expect(err).To(MatchError(name + ":2:1: " + name + " holds a conflict of a merge: this line is a mark that Git has left there [app/conflict]"))
	}
	files := fstest.MapFS{"package.json": {Data: []byte(`{"scripts":{"start":"node a"}}`)}, "Procfile": {Data: []byte("web: cat <<<<<<< x\n")}}
	_, err := resolve.Recognize(app.App{FS: files}, func(string) (string, bool) { return "", false })
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}
