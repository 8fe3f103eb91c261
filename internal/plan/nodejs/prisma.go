package nodejs

import (
	"cmp"
	"path"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// generatorOutput is the place that a schema names for the client, when it is not the usual one.
var generatorOutput = lazyregexp.New(`(?m)^\s*output\s*=`)

// prisma checks for a client that nobody has generated: it throws when it is first used. Package managers that do not
// run install scripts, and schemas in other places than Prisma looks in, leave it so.
// https://www.prisma.io/docs/orm/prisma-client/setup-and-configuration/generating-prisma-client.
func (p *Project) prisma() []plan.BuildCheck {
	if p.manifest.Dependencies["@prisma/client"] == "" {
		return nil
	}
	schema, found, err := p.app.Read(p.in(cmp.Or(p.manifest.Prisma.Schema, "prisma/schema.prisma")))
	if err != nil || !found || generatorOutput().Match(schema) {
		return nil
	}
	var packages, clients []string
	for _, dir := range []string{p.root, p.dir} {
		modules := path.Join(dir, packagesDir)
		packages = append(packages, modules+"/@prisma/client/package.json")
		clients = append(clients, modules+"/.prisma/client/index.js", modules+"/.pnpm/@prisma+client@*/node_modules/.prisma/client/index.js")
		if p.root == p.dir {
			break
		}
	}
	return []plan.BuildCheck{{
		IfPresent: packages, Files: clients, Contains: "did not initialize yet",
		Warning: "Prisma's client is not generated: what uses it will fail. Let the build script do that: \"build\": \"prisma generate && ...\".",
	}}
}
