// Lets running requests finish after SIGTERM, in applications that do not do so themselves. Loaded by Node.js before the
// application, when [dev.gantry.drain] says so. An application with a handler of its own for SIGTERM is left alone.
'use strict'
const http = require('node:http')
const https = require('node:https')
const { parentPort } = require('node:worker_threads')

const seconds = text => {
  const units = { ms: 0.001, s: 1, m: 60, h: 3600 }
  let total = 0
  for (const [, number, unit] of String(text).matchAll(/([0-9.]+)(ms|s|m|h)/g)) total += Number(number) * units[unit]
  return total
}

if (!parentPort) {
  const servers = new Set()
  let draining = false
  for (const module of [http, https]) {
    const listen = module.Server.prototype.listen
    module.Server.prototype.listen = function (...args) {
      servers.add(this)
      this.once('close', () => servers.delete(this))
      // A connection that is kept alive would outlast the last request on it.
      this.prependListener('request', (request, response) => {
        if (draining && !response.headersSent) response.setHeader('Connection', 'close')
      })
      return listen.apply(this, args)
    }
  }
  const drain = () => {
    // Only this handler: the application has none.
    if (draining || process.listenerCount('SIGTERM') > 1) return
    if (servers.size === 0) {
      process.off('SIGTERM', drain)
      process.kill(process.pid, 'SIGTERM')
      return
    }
    draining = true
    const limit = seconds(process.env.BPL_DRAIN_TIMEOUT || '30s')
    setTimeout(() => {
      process.stderr.write(`gantry: requests are still running ${limit} s after SIGTERM; they are cut off\n`)
      process.exit(143)
    }, limit * 1000).unref()
    let open = servers.size
    for (const server of servers) {
      server.close(() => { if (--open === 0) process.exit(0) })
      server.closeIdleConnections()
    }
  }
  process.on('SIGTERM', drain)
}
