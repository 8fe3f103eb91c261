package prune_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/prune"
)

// tree makes files and links in a folder: "name" is a file, "name -> target" a link, "name = text" a file with content.
func tree(t *testing.T, lines string) string {
	g := NewWithT(t)
	dir := t.TempDir()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, target, isLink := strings.Cut(line, " -> ")
		name, text, _ := strings.Cut(name, " = ")
		file := filepath.Join(dir, name)
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		if isLink {
			g.Expect(os.Symlink(target, file)).To(Succeed())
		} else {
			g.Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
		}
	}
	return dir
}

func list(t *testing.T, dir string) []string {
	var names []string
	NewWithT(t).Expect(filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, file)
			names = append(names, name)
		}
		return err
	})).To(Succeed())
	return names
}

func TestPrune(t *testing.T) {
	for name, c := range map[string]struct {
		files string
		tree  prune.Tree
		want  []string
	}{
		"hoisted and nested": {
			files: `
				package.json = {"dependencies": {"a": "1", "@s/b": "1"}, "devDependencies": {"dev": "1"}}
				node_modules/a/package.json = {"dependencies": {"c": "2"}, "optionalDependencies": {"gone": "1"}, "peerDependencies": {"peer": "1"}}
				node_modules/a/node_modules/c/package.json = {}
				node_modules/a/node_modules/left/package.json = {}
				node_modules/c/package.json = {}
				node_modules/peer/package.json = {}
				node_modules/@s/b/package.json = {}
				node_modules/@s/dev/package.json = {}
				node_modules/@dev/x/package.json = {}
				node_modules/dev/package.json = {"dependencies": {"c": "1"}}
				node_modules/dev/bin.js
				node_modules/a/bin.js
				node_modules/.bin/a -> ../a/bin.js
				node_modules/.bin/dev -> ../dev/bin.js`,
			tree: prune.Tree{Roots: []string{""}},
			want: []string{
				"node_modules/.bin/a", "node_modules/@s/b/package.json", "node_modules/a/bin.js", "node_modules/a/node_modules/c/package.json",
				"node_modules/a/package.json", "node_modules/peer/package.json", "package.json",
			},
		},
		"a development dependency that is needed": {
			files: `
				package.json = {"devDependencies": {"tsx": "1", "dev": "1"}}
				node_modules/tsx/package.json = {"dependencies": {"esbuild": "1"}}
				node_modules/esbuild/package.json = {}
				node_modules/dev/package.json = {}`,
			tree: prune.Tree{Roots: []string{""}, Also: []string{"tsx"}},
			want: []string{"node_modules/esbuild/package.json", "node_modules/tsx/package.json", "package.json"},
		},
		"bundled packages stay together": {
			files: `
				package.json = {"dependencies": {"a": "1"}}
				node_modules/a/package.json = {"bundleDependencies": ["b"]}
				node_modules/a/node_modules/b/package.json = {}`,
			tree: prune.Tree{Roots: []string{""}},
			want: []string{"node_modules/a/node_modules/b/package.json", "node_modules/a/package.json", "package.json"},
		},
		"a store of pnpm, and one of several workspaces": {
			files: `
				package.json = {"dependencies": {"root": "1"}}
				apps/web/package.json = {"dependencies": {"lib": "1"}, "devDependencies": {"dev": "1"}}
				apps/web/node_modules/lib -> ../../../packages/lib
				apps/web/node_modules/dev -> ../../../node_modules/.pnpm/dev@1/node_modules/dev
				packages/lib/package.json = {"dependencies": {"a": "1"}}
				packages/lib/node_modules/a -> ../../../node_modules/.pnpm/a@1/node_modules/a
				packages/lib/node_modules/.bin/a = exec "$basedir/../a/bin.js"
				packages/lib/node_modules/.bin/dev = exec "$basedir/../dev/bin.js"
				node_modules/root -> .pnpm/root@1/node_modules/root
				node_modules/.pnpm/a@1/node_modules/a/package.json = {"dependencies": {"b": "1"}}
				node_modules/.pnpm/a@1/node_modules/a/bin.js
				node_modules/.pnpm/a@1/node_modules/b -> ../../b@1/node_modules/b
				node_modules/.pnpm/b@1/node_modules/b/package.json = {}
				node_modules/.pnpm/dev@1/node_modules/dev/package.json = {}
				node_modules/.pnpm/root@1/node_modules/root/package.json = {}
				node_modules/.pnpm/node_modules/b -> ../b@1/node_modules/b
				node_modules/.pnpm/node_modules/dev -> ../dev@1/node_modules/dev
				node_modules/.pnpm/node_modules/api -> ../../../apps/api
				apps/api/package.json = {}`,
			tree: prune.Tree{Roots: []string{"apps/web"}, Dirs: []string{"node_modules", "apps/web/node_modules", "packages/lib/node_modules", "nowhere/node_modules"}},
			want: []string{
				"apps/api/package.json", "apps/web/node_modules/lib", "apps/web/package.json", "node_modules/.pnpm/a@1/node_modules/a/bin.js",
				"node_modules/.pnpm/a@1/node_modules/a/package.json", "node_modules/.pnpm/a@1/node_modules/b", "node_modules/.pnpm/b@1/node_modules/b/package.json",
				"node_modules/.pnpm/node_modules/b", "package.json", "packages/lib/node_modules/.bin/a", "packages/lib/node_modules/a", "packages/lib/package.json",
			},
		},
		"what scripts have made": {
			files: `
				package.json = {"dependencies": {"a": "1"}, "devDependencies": {"dev": "1", "member": "1"}}
				packages/member/package.json = {"devDependencies": {"inner": "1"}}
				src/index.js
				node_modules/a/package.json = {}
				node_modules/dev/package.json = {"dependencies": {"deep": "1"}}
				node_modules/deep/package.json = {}
				node_modules/inner/package.json = {}
				node_modules/member -> ../packages/member
				node_modules/other -> ../packages/other
				node_modules/~ -> ../src
				node_modules/@app -> ../src
				node_modules/@generated/client/package.json = {"name": "@generated/client", "version": "1.0.0"}
				node_modules/made.js
				node_modules/gone -> .pnpm/gone@1/node_modules/gone
				node_modules/alias -> a`,
			tree: prune.Tree{Roots: []string{""}, All: []string{"", "packages/member", "packages/other"}},
			want: []string{
				"node_modules/@app", "node_modules/@generated/client/package.json", "node_modules/a/package.json", "node_modules/alias", "node_modules/made.js",
				"node_modules/~", "package.json", "packages/member/package.json", "src/index.js",
			},
		},
		"a link that leads nowhere, a name that leads elsewhere, a manifest that is none": {
			files: `
				package.json = {"dependencies": {"a": "1", "../../x": "1", "broken": "1", "odd": "1"}}
				node_modules/a -> ../gone
				node_modules/broken/package.json = {
				node_modules/odd/index.js`,
			tree: prune.Tree{Roots: []string{""}},
			want: []string{"node_modules/a", "node_modules/broken/package.json", "node_modules/odd/index.js", "package.json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.tree.App = tree(t, c.files)
			c.tree.Base = c.tree.App
			if c.tree.Dirs == nil {
				c.tree.Dirs = []string{"node_modules"}
			}
			NewWithT(t).Expect(c.tree.Prune()).To(Succeed())
			NewWithT(t).Expect(list(t, c.tree.App)).To(Equal(c.want))
		})
	}
}
