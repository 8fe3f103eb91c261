// Loaded by Node.js before the application. It lets stacks name the lines of the source, records an exception that ends
// the application and how its memory was used, and tells `gantry` what it cannot see from outside. GANTRY_REPORTS is the
// folder for records; `gantry init` collects them.
//
// What it keeps to, since it runs in every process of Node.js:
// - Nothing of it throws into the application, changes its exit code, or keeps it running.
// - Nothing periodic forces a garbage collection, and no profiler is started or stopped that belongs to somebody else.
// - What is not needed at the start is loaded later: node:fs, node:v8, node:inspector.
'use strict'
// Frameworks alone fill the ten lines that a stack has by default. As a flag of V8 in NODE_OPTIONS it would make Node.js
// reject its built-in code cache, at 10 ms a start.
if (Error.stackTraceLimit === 10) Error.stackTraceLimit = 30

if (process.env.BPL_SOURCE_MAPS !== 'off' && process.env.BPL_SOURCE_MAPS !== 'false') {
  // The maps of packages would all be read at the start, where that can be left out (22.14).
  const { setSourceMapsSupport } = require('node:module')
  if (setSourceMapsSupport) setSourceMapsSupport(true, { nodeModules: false, generatedCode: false })
  else process.setSourceMapsEnabled(true)
}

const dir = process.env.GANTRY_REPORTS
// A worker thread cannot change the folder of the process.
if (dir && !process.chdir.disabled) watch(dir)

function watch(dir) {
  const { pid } = process
  // What SIGUSR1 opens listens on a port that nobody can guess; --inspect-port and --inspect have their own.
  const chosen = (process.env.NODE_OPTIONS ?? '').includes('--inspect') || process.execArgv.some(option => option.startsWith('--inspect'))
  if (!chosen) attempt(() => { process.debugPort = 0 })

  // The file has its name only when it is whole. A disk that is full changes nothing for the application.
  const write = (name, text) => attempt(() => {
    const fs = require('node:fs')
    const file = `${dir}/${name}-${pid}.json`
    fs.writeFileSync(`${file}.partial`, text, { mode: 0o600 })
    fs.renameSync(`${file}.partial`, file)
  })

  // A signal handler of the application's own: `gantry` must not send it SIGUSR1.
  const note = event => {
    if (event === 'SIGUSR1') write('sigusr1', '{}')
  }
  process.on('newListener', note)
  process.on('removeListener', event => {
    if (event === 'SIGUSR1' && process.listenerCount(event) === 0) attempt(() => require('node:fs').unlinkSync(`${dir}/sigusr1-${pid}.json`))
  })

  process.on('uncaughtExceptionMonitor', (error, origin) => attempt(() => {
    // An application that handles such exceptions goes on.
    const handled = process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()
    if (!handled) write('exception', exception(error, origin))
  }))

  // Only the process itself learns how its children end: `gantry init` collects those that nobody waits for.
  attempt(() => require('node:diagnostics_channel').subscribe('child_process', ({ process: child }) => {
    // The application may add as many listeners as without this one before Node.js warns.
    child.setMaxListeners(child.getMaxListeners() + 1)
    child.once('exit', (code, signal) => {
      const fatal = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS', 'SIGKILL']
      if (fatal.includes(signal)) write(`child-${child.pid}`, JSON.stringify({ pid: child.pid, signal, command: limited((child.spawnargs ?? []).join(' '), 1000) }))
    })
  }))

  // An application may fill its heap before the event loop begins.
  attempt(() => reports(dir))
  memory(write, setTimeout)
}

// reports has Node.js write a report of a fatal error, without what holds secrets. As flags in NODE_OPTIONS these would keep a
// child process of an older Node.js from starting. Whoever has reports written elsewhere keeps them.
function reports(dir) {
  if ((process.env.NODE_OPTIONS ?? '').includes('--report-') || process.execArgv.some(option => option.startsWith('--report-'))) return
  const { report } = process
  report.directory = dir
  report.reportOnFatalError = true
  if ('excludeNetwork' in report) report.excludeNetwork = true
  if ('excludeEnv' in report) report.excludeEnv = true
}

function attempt(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

function limited(text, length) {
  return text.length > length ? `${text.slice(0, length)}… (${text.length - length} more characters)` : text
}

// exception describes an error and its causes, in at most a megabyte. Whatever the application has thrown is read with
// care: a getter may throw, a name may be a symbol, an object may be a Proxy.
function exception(error, origin) {
  const longest = { message: 8 << 10, stack: 32 << 10, property: 1 << 10 }
  const text = (value, length) => attempt(() => limited(String(value), length))
  const property = (object, name, length) => {
    const value = attempt(() => object[name])
    return value === undefined || value === null ? undefined : text(value, length)
  }
  const chain = [], seen = new Set()
  const add = (thrown, depth, relation) => {
    const nothing = thrown === undefined || thrown === null
    if (nothing && depth > 0 || depth > 10 || chain.length >= 20 || seen.has(thrown)) return
    seen.add(thrown)
    const isObject = typeof thrown === 'object' && thrown !== null || typeof thrown === 'function'
    if (!isObject || require('node:util').types.isProxy(thrown) || !(attempt(() => thrown instanceof Error))) {
      const shown = attempt(() => require('node:util').inspect(thrown, { depth: 1, maxArrayLength: 10, maxStringLength: longest.message, getters: false, customInspect: false }))
      chain.push({ message: limited(shown ?? 'a value that cannot be shown', longest.message), stack: '', relation })
      return
    }
    const message = `${property(thrown, 'name', 200) ?? 'Error'}: ${property(thrown, 'message', longest.message) ?? ''}`
    const link = { message, stack: property(thrown, 'stack', longest.stack) ?? '', relation }
    for (const name of ['code', 'errno', 'syscall', 'address', 'port', 'hostname', 'detail', 'hint', 'constraint', 'table']) {
      const value = property(thrown, name, longest.property)
      if (value !== undefined) (link.properties ??= {})[name] = value
    }
    chain.push(link)
    const errors = attempt(() => Array.isArray(thrown.errors) ? thrown.errors.slice(0, 8) : [])
    for (const one of errors ?? []) add(one, depth + 1, 'error')
    add(attempt(() => thrown.cause), depth + 1, 'cause')
  }
  attempt(() => add(error, 0, ''))

  // Node.js looks up the names of all peers for its report, and puts each line of a stack into an entry: neither is worth
  // the time of a process that is ending.
  const report = attempt(() => {
    const known = process.report
    if ('excludeNetwork' in known) known.excludeNetwork = true
    else return undefined
    const made = known.getReport()
    const [first] = chain
    if (first) made.javascriptStack = { message: first.message, stack: first.stack.split('\n').slice(1, 100).map(line => line.trim()) }
    made.environmentVariables = Object.keys(process.env).sort()
    return made
  })
  const record = { origin: text(origin, 100), chain, report, version: process.version, uptime: process.uptime() }
  const whole = JSON.stringify(record)
  return whole.length <= 900_000 ? whole : JSON.stringify({ ...record, report: undefined })
}

// memory writes how memory is used while it runs short, for the record of an end that the process itself cannot describe.
// While the heap is filling up, V8 samples who allocates, one object in 512 KiB on average; what it has sampled is read
// once, since reading makes V8 collect garbage, and when a collection has left the heap nearly full.
function memory(write, setTimeout) {
  const often = 100, seldom = 500
  // In shares of the heap's limit.
  const sampleFrom = 0.55, readFrom = 0.75
  let v8, memoryLimit, heapLimit, oldLimit, session, sampling = false, read = false, sites, told = 0

  const prepare = () => {
    v8 = require('node:v8')
    memoryLimit = process.constrainedMemory?.() ?? 0
    heapLimit = v8.getHeapStatistics().heap_size_limit
    // A part of the limit is for young objects only, up to 192 MiB by the version.
    const old = [process.env.NODE_OPTIONS ?? '', ...process.execArgv].join(' ').match(/.*--max[-_]old[-_]space[-_]size(-percentage)?=(\d+)/)
    const machine = Math.min(memoryLimit || Infinity, require('node:os').totalmem())
    const asked = !old ? heapLimit - 192 * 2 ** 20 : old[1] ? (old[2] / 100) * machine : old[2] * 2 ** 20
    oldLimit = Math.min(heapLimit, Math.max(old ? 0 : heapLimit / 2, asked))
  }

  const tell = () => {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    if (Math.abs(rss - told) < 0.02 * told) return
    told = rss
    write('memory', JSON.stringify({ rss, heapUsed, heapLimit: Math.round(oldLimit), external, arrayBuffers, sites }))
  }

  const post = (method, parameters) => {
    let answer
    session.post(method, parameters, (error, result) => { answer = error ? undefined : result })
    return answer
  }

  // Where somebody samples already, V8 ignores the start, and their samples can be read. Nothing is ever stopped.
  const sample = () => {
    sampling = true
    attempt(() => {
      session = new (require('node:inspector').Session)()
      session.connect()
      post('HeapProfiler.startSampling', { samplingInterval: 512 << 10 })
    })
    // After a collection of old objects alone the heap's use tells what stays.
    attempt(() => {
      const { PerformanceObserver, constants } = require('node:perf_hooks')
      new PerformanceObserver(list => attempt(() => {
        const major = list.getEntries().some(entry => entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
        if (major && !read && v8.getHeapStatistics().used_heap_size > readFrom * oldLimit) readSites()
      })).observe({ entryTypes: ['gc'] })
    })
  }

  const readSites = () => {
    read = true
    attempt(() => { sites = sitesOf(post('HeapProfiler.getSamplingProfile')?.profile.head) })
    told = 0
    tell()
  }

  const look = () => {
    let next = seldom
    attempt(() => {
      if (!v8) prepare()
      const used = v8.getHeapStatistics().used_heap_size
      if (!sampling && used > sampleFrom * oldLimit) sample()
      if (used > sampleFrom * oldLimit || memoryLimit > 0 && process.memoryUsage.rss() > 0.75 * memoryLimit) {
        tell()
        next = often
      } else if (used > 0.4 * oldLimit) {
        next = often
      }
    })
    setTimeout(look, next).unref()
  }
  setTimeout(look, often).unref()
}

// sitesOf adds up what each function has allocated. What Node.js and V8 allocate for a function, in map and push, counts
// for the nearest caller that has a file.
function sitesOf(head) {
  const found = new Map()
  const visit = (node, nearest) => {
    const { functionName, url, lineNumber, columnNumber } = node.callFrame
    const here = url && !url.startsWith('node:') ? { function: functionName, url, line: lineNumber, column: columnNumber } : nearest
    if (node.selfSize > 0) {
      const at = here ?? { function: functionName, url, line: lineNumber, column: columnNumber }
      const key = `${at.url}:${at.line}:${at.column}:${at.function}`
      const site = found.get(key) ?? { ...at, bytes: 0 }
      site.bytes += node.selfSize
      found.set(key, site)
    }
    for (const child of node.children) visit(child, here)
  }
  if (head) visit(head, undefined)
  return [...found.values()].filter(site => !site.url.endsWith(__filename)).sort((a, b) => b.bytes - a.bytes).slice(0, 10)
}
