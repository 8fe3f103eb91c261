package lockfile_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

func TestPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       map[string]string
	}{
		"npm": {"package-lock.json", `{"packages": {"": {"bin": {"own": "x"}}, "node_modules/fastify-cli": {"bin": {"fastify": "cli.js"}},
			"node_modules/a/node_modules/b": {"bin": {"b": "b.js"}}, "node_modules/@s/c": {"bin": {"c": "c.js"}}}}`, map[string]string{"fastify": "fastify-cli", "c": "@s/c"}},
		"npm, in a folder": {"apps/npm-shrinkwrap.json", `{"packages": {"node_modules/a": {"bin": {"a": "a.js"}}}}`, map[string]string{"a": "a"}},
		"Bun":              {"bun.lock", `{"packages": {"a": ["a@1.0.0", "", {"bin": {"aa": "a.js"}}, "sha512-x"], "@s/b": ["@s/b@1.0.0", "", {"bin": "b.js"}, "sha512-y"],}}`, map[string]string{"aa": "a", "b": "@s/b"}},
		"Yarn 4":           {"yarn.lock", "__metadata:\n  version: 8\n\"coffeescript@npm:^2\":\n  version: 2.7.0\n  resolution: \"coffeescript@npm:2.7.0\"\n  bin:\n    coffee: bin/coffee\n", map[string]string{"coffee": "coffeescript"}},
		"Yarn 1":           {"yarn.lock", "# yarn lockfile v1\n\na@^1:\n  version \"1.0.0\"\n", map[string]string{}},
		"damaged":          {"package-lock.json", `{`, map[string]string{}},
		"pnpm":             {"pnpm-lock.yaml", "packages: {}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			all := func(string) bool { return true }
			NewWithT(t).Expect(lockfile.Programs(c.file, []byte(c.text), all)).To(Equal(c.want))
		})
	}
	none := func(string) bool { return false }
	NewWithT(t).Expect(lockfile.Programs("package-lock.json", []byte(`{"packages": {"node_modules/a": {"bin": {"a": "a.js"}}}}`), none)).To(BeEmpty())
}
