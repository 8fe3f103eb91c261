// Lets running requests finish after SIGTERM, in applications that do not do so themselves. Loaded by Node.js before the
// application, when [dev.gantry.drain] says so. An application with a handler of its own for SIGTERM is left alone.
'use strict'
const http = require('node:http')
const https = require('node:https')
const net = require('node:net')
const { parentPort } = require('node:worker_threads')

const seconds = text => {
  const units = { ms: 0.001, s: 1, m: 60, h: 3600 }
  let total = 0
  for (const [, number, unit] of String(text).matchAll(/([0-9.]+)(ms|s|m|h)/g)) total += Number(number) * units[unit]
  return total
}

// RFC 6455, sections 5.5.1 and 7.4.1: a close frame with the code 1001, "going away".
const goingAway = Buffer.from([0x88, 0x02, 0x03, 0xe9])
const reply = 1000

if (!parentPort) {
  const servers = new Set(), webSockets = new Set(), sessions = new Set(), responses = new Set()
  let draining = false

  const watch = server => {
    servers.add(server)
    server.once('close', () => servers.delete(server))
    // Of HTTP/2: https://nodejs.org/api/http2.html#event-session.
    server.on('session', session => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      if (draining) session.close()
    })
    server.prependListener('request', (request, response) => {
      if (request.httpVersionMajor >= 2) return
      responses.add(response)
      if (draining) lastOfItsConnection(response)
      response.once('close', () => {
        responses.delete(response)
        // A connection that is kept alive would outlast the last response on it.
        if (draining) setImmediate(() => server.closeIdleConnections?.())
      })
    })
    // A listener for "upgrade" would change what the server does with such requests: those of the application are watched instead.
    const emit = server.emit
    server.emit = function (name, ...rest) {
      const [request, socket] = rest
      if (name === 'upgrade' && String(request.headers.upgrade).toLowerCase() === 'websocket' && server.listenerCount('upgrade') > 0) {
        webSockets.add(socket)
        socket.once('close', () => webSockets.delete(socket))
      }
      return emit.call(this, name, ...rest)
    }
  }

  const lastOfItsConnection = response => {
    if (!response.headersSent) response.setHeader('Connection', 'close')
  }

  const listen = net.Server.prototype.listen
  net.Server.prototype.listen = function (...args) {
    const served = this instanceof http.Server || this instanceof https.Server || /^Http2(Secure)?Server$/.test(this.constructor.name)
    if (served && !servers.has(this)) watch(this)
    return listen.apply(this, args)
  }

  const closeWebSockets = () => {
    for (const socket of webSockets) {
      if (socket.writable) socket.write(goingAway)
      setTimeout(() => socket.destroy(), reply).unref()
    }
  }

  const after = (time, run) => setTimeout(run, time * 1000).unref()

  const drainServers = (limit, webSocketLimit) => {
    after(Math.min(webSocketLimit, limit), closeWebSockets)
    let open = servers.size
    for (const response of responses) lastOfItsConnection(response)
    for (const session of sessions) session.close()
    for (const server of servers) {
      server.close(() => { if (--open === 0) process.exit(0) })
      server.closeIdleConnections?.()
    }
  }

  // The workers of a cluster drain, and the primary ends after them. An application that replaces workers that have ended would
  // start new ones.
  const drainWorkers = (cluster, workers) => {
    cluster.removeAllListeners('exit')
    cluster.removeAllListeners('disconnect')
    let open = workers.length
    cluster.on('exit', () => { if (--open === 0) process.exit(0) })
    for (const worker of workers) worker.process.kill('SIGTERM')
  }

  const drain = () => {
    // Only this handler: the application has none.
    if (draining || process.listenerCount('SIGTERM') > 1) return
    const cluster = require('node:cluster')
    const workers = cluster.isPrimary ? Object.values(cluster.workers ?? {}).filter(worker => !worker.isDead()) : []
    if (servers.size === 0 && workers.length === 0) {
      process.off('SIGTERM', drain)
      process.kill(process.pid, 'SIGTERM')
      return
    }
    draining = true
    const limit = seconds(process.env.BPL_DRAIN_TIMEOUT || '30s')
    const webSocketLimit = seconds(process.env.BPL_DRAIN_WEBSOCKET_TIMEOUT || limit + 's')
    // What is cut off gets its last words first; the primary waits for its workers to say so.
    after(limit + (workers.length > 0 || webSockets.size > 0 ? reply / 1000 : 0), () => {
      process.stderr.write(`gantry: requests are still running ${limit} s after SIGTERM; they are cut off\n`)
      process.exit(143)
    })
    if (workers.length > 0) drainWorkers(cluster, workers)
    else drainServers(limit, webSocketLimit)
  }
  process.on('SIGTERM', drain)
}
