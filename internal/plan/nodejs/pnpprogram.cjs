// Starts a program of one of the application's packages, which Yarn's Plug'n'Play keeps in archives, as "yarn run" does:
// node pnpprogram.cjs PROGRAM [ARGUMENT...]
'use strict'
const Module = require('node:module')
const path = require('node:path')

const [node, , name, ...rest] = process.argv
const folder = process.cwd() + path.sep
const pnp = Module.findPnpApi(folder)

const find = () => {
  const { packageDependencies } = pnp.getPackageInformation(pnp.findPackageLocator(folder))
  for (const [dependency, reference] of packageDependencies) {
    // A peer that is missing has none.
    if (reference === null) continue
    const { packageLocation } = pnp.getPackageInformation(pnp.getLocator(dependency, reference))
    let manifest
    try {
      manifest = require(path.join(packageLocation, 'package.json'))
    } catch (error) {
      // A dependency that is only linked needs no package.json.
      if (error.code === 'MODULE_NOT_FOUND') continue
      throw error
    }
    const { bin } = manifest
    const programs = typeof bin === 'string' ? { [manifest.name.replace(/^@[^/]*\//, '')]: bin } : bin ?? {}
    const file = programs[name]
    if (typeof file === 'string') return { file: path.join(packageLocation, file), module: file.endsWith('.mjs') || manifest.type === 'module' && !file.endsWith('.cjs') }
  }
}

const program = find()
if (program === undefined) {
  console.error(`${name} cannot be started: no package of the application has such a program`)
  process.exit(127)
}
process.argv = [node, program.file, ...rest]
if (program.module) import(require('node:url').pathToFileURL(program.file))
else Module.runMain()
