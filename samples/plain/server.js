// A web server that needs nothing but Node.js.
const http = require('node:http')

const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'text/plain')
  response.end(`Hello from Node.js ${process.version}\n`)
})

server.listen(process.env.PORT || 3000, () => console.log(`listening on ${server.address().port}`))
