require('fs').mkdirSync('dist', { recursive: true })
require('fs').writeFileSync('dist/index.js', "module.exports = require('is-odd')\n")
