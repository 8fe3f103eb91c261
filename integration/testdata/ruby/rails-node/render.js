// A process of Node.js next to those of Ruby: it renders what the build does not know yet.
const ms = require('ms')
console.log(`rendered by Node.js ${process.version} in ${ms(60000, { long: true })}, ${process.env.NODE_ENV}, ${process.env.NODE_OPTIONS}`)
