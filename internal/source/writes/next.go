package writes

import (
	"bytes"
	"path"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var (
	// caching is what has Next.js' server write into its cache: images that it makes smaller, and pages and data that it makes again.
	// https://nextjs.org/docs/app/guides/self-hosting#caching-and-isr
	caching = lazyregexp.New(`\b(?:from|require\()\s*['"]next/(?:legacy/)?image['"]|\bexport\s+const\s+revalidate\s*=\s*\d|\brevalidate\s*:\s*\d|\bunstable_cache\s*\(|\brevalidate(?:Path|Tag)\s*\(`)
	// standalone is Next.js' setting for an output that needs no packages, which runs in a folder of its own.
	standalone = lazyregexp.New(`\boutput\s*:\s*['"](standalone|export)['"]`)
	needsNext  = lazyregexp.New(`"next"\s*:`)
)

// ofNext finds the cache of Next.js' server, where pages or components use it.
func ofNext(a app.App, add func(folder string, where problem.Position)) {
	if manifest, ok, err := a.Read("package.json"); err != nil || !ok || !needsNext().Match(manifest) {
		return
	}
	folder := ".next/cache"
	for _, name := range []string{"next.config.js", "next.config.mjs", "next.config.ts"} {
		text, ok, err := a.Read(name)
		if err != nil || !ok {
			continue
		}
		if m := standalone().FindSubmatch(text); m != nil && string(m[1]) == "export" {
			return
		} else if m != nil {
			folder = path.Join(".next/standalone", folder)
		}
	}
	a.Code([]string{".js", ".jsx", ".ts", ".tsx", ".mjs"}, func(name string, text []byte) {
		if !bytes.Contains(text, []byte("next/")) && !bytes.Contains(text, []byte("revalidate")) {
			return
		}
		if m := caching().FindIndex(text); m != nil {
			add(folder, problem.At(name, text, m[0]))
		}
	})
}
