// A small web application with Express.
const express = require('express')

const app = express()

app.get('/', (request, response) => {
  response.json({ message: 'Hello from Express', node: process.version })
})

app.get('/healthz', (request, response) => {
  response.sendStatus(204)
})

const server = app.listen(process.env.PORT || 3000, () => {
  console.log(`listening on ${server.address().port}`)
})
