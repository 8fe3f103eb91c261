// Has ES modules find packages by Yarn's map of them, where Yarn has written what that takes.
'use strict'
const { register } = require('node:module')
const { isInternalThread } = require('node:worker_threads')
const loader = '{loader}'

// Node.js runs this in the thread of the loader, too.
if (register && !isInternalThread && require('node:fs').existsSync(loader)) {
  // Since Node.js 26 it says that another way is better, which loaders that Yarn has written do not know.
  const { noDeprecation } = process
  process.noDeprecation = true
  register(require('node:url').pathToFileURL(loader))
  process.noDeprecation = noDeprecation
}
