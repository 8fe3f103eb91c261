// Has stacks name the lines of the source, and leaves word of an exception that ends the application, and of what fills
// its memory, for the program that started it. Loaded by Node.js before the application; GANTRY_REPORTS is the folder.
'use strict'
const { isMainThread } = require('node:worker_threads')
const dir = process.env.GANTRY_REPORTS

if (process.env.BPL_SOURCE_MAPS !== 'off') {
  // The maps of packages would all be read at the start, where that can be left out (22.14).
  const { setSourceMapsSupport } = require('node:module')
  if (setSourceMapsSupport) setSourceMapsSupport(true, { nodeModules: false, generatedCode: false })
  else process.setSourceMapsEnabled(true)
}

if (dir && isMainThread) {
  const fs = require('node:fs')
  const v8 = require('node:v8')

  // The file has its name only when it is whole.
  const write = (name, value) => {
    const file = `${dir}/${name}-${process.pid}.json`
    try {
      fs.writeFileSync(`${file}.partial`, JSON.stringify(value), { mode: 0o600 })
      fs.renameSync(`${file}.partial`, file)
    } catch {
      // A disk that is full must not change how the application ends.
    }
  }

  const describe = error => {
    if (!(error instanceof Error)) return { message: require('node:util').inspect(error, { depth: 2 }), stack: '' }
    const message = `${error.name}: ${error.message}`
    return { message, stack: typeof error.stack === 'string' ? error.stack : message, code: error.code }
  }

  process.on('uncaughtExceptionMonitor', (error, origin) => {
    // An application that handles such exceptions goes on.
    if (process.listenerCount('uncaughtException') > 0) return
    const chain = []
    for (let next = error, depth = 0; next !== undefined && next !== null && depth < 5; next = next.cause, depth++) chain.push(describe(next))
    let report
    try {
      report = process.report.getReport(error instanceof Error ? error : undefined)
      report.environmentVariables = Object.keys(report.environmentVariables ?? {}).sort()
    } catch {
      // The exception itself matters more.
    }
    write('exception', { origin, chain, report, version: process.version, uptime: process.uptime() })
  })

  // While the heap is filling up, allocations are sampled, so that it is known what filled it.
  const heapLimit = v8.getHeapStatistics().heap_size_limit
  const memoryLimit = process.constrainedMemory?.() ?? 0
  // A part of the limit is for young objects only, up to 192 MiB by the version.
  const old = [process.env.NODE_OPTIONS ?? '', ...process.execArgv].join(' ').match(/.*--max[-_]old[-_]space[-_]size(-percentage)?=(\d+)/)
  const machine = Math.min(memoryLimit || Infinity, require('node:os').totalmem())
  const chosen = !old ? heapLimit - 192 * 2 ** 20 : old[1] ? (old[2] / 100) * machine : old[2] * 2 ** 20
  const oldLimit = Math.min(heapLimit, Math.max(old ? 0 : heapLimit / 2, chosen))
  const sampleFrom = 0.6 * oldLimit
  const sampleUntil = 0.45 * oldLimit
  let session

  const sites = head => {
    const found = new Map()
    const visit = node => {
      const { functionName, url, lineNumber, columnNumber } = node.callFrame
      if (node.selfSize > 0) {
        const key = `${url}:${lineNumber}:${columnNumber}:${functionName}`
        const site = found.get(key) ?? { function: functionName, url, line: lineNumber, column: columnNumber, bytes: 0 }
        site.bytes += node.selfSize
        found.set(key, site)
      }
      for (const child of node.children) visit(child)
    }
    visit(head)
    return [...found.values()].sort((a, b) => b.bytes - a.bytes).slice(0, 10)
  }

  const tell = more => {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    write('memory', { rss, heapUsed, heapLimit, external, arrayBuffers, ...more })
  }

  const look = () => {
    const used = v8.getHeapStatistics().used_heap_size
    if (!session && used > sampleFrom) {
      session = new (require('node:inspector').Session)()
      session.connect()
      session.post('HeapProfiler.startSampling', { samplingInterval: 128 << 10 })
      tell({})
    } else if (session && used < sampleUntil) {
      session.post('HeapProfiler.stopSampling')
      session.disconnect()
      session = undefined
    } else if (session) {
      session.post('HeapProfiler.getSamplingProfile', (error, result) => tell(error ? {} : { sites: sites(result.profile.head) }))
    } else if (memoryLimit > 0 && process.memoryUsage.rss() > 0.75 * memoryLimit) {
      tell({})
    }
    setTimeout(look, session || used > 0.4 * oldLimit ? 50 : 250).unref()
  }
  setTimeout(look, 100).unref()
}
