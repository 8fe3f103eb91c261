// Needs a development dependency.
require('fs').writeFileSync('built.json', JSON.stringify({ by: require('is-number/package.json').version }))
