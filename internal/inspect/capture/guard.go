package capture

// The guard is a script in the application that closes an inspector which gantry has opened, once nobody uses it any more:
// gantry may have been killed or stopped, or its connection may be gone. It looks only while the inspector is open. It
// never closes one that somebody is connected to: inspector.close() blocks the application until the other end answers.
//
// As long as gantry renews its patience the guard does nothing; then it reads the kernel's table of sockets, at most once a
// second.
//
// V8 runs what the inspector evaluates between any two instructions of the code that is running, also in the middle of
// Node.js' own lists of timers, which must not change there. What changes something is therefore put off to a microtask:
// those run between callbacks, where the application could do the same. (The inspector's require is there only while the
// expression runs.) An application that is blocked gets to it later.
//
// For the same reason a client may arrive between the guard's look at the sockets and its closing: closing tells it so, and
// the answer is false.
const guardInstall = `(() => {
	const key = Symbol.for('gantry.inspector')
	if (globalThis[key]) { globalThis[key].until = performance.now() + 1500; return !globalThis[key].closing }
	const guard = { until: performance.now() + 1500 }, load = require
	Object.defineProperty(globalThis, key, { value: guard, configurable: true, enumerable: false })
	Promise.resolve().then(() => {
		try {
			const inspector = load('node:inspector'), fs = load('node:fs')
			const url = inspector.url()
			if (url === undefined) { delete globalThis[key]; return }
			const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0')
			const connected = () => ['tcp', 'tcp6'].some(table => {
				try {
					return fs.readFileSync('/proc/self/net/' + table, 'latin1').split('\n').some(line => {
						const [, local, , state] = line.trim().split(/\s+/)
						return state === '01' && local.endsWith(':' + port)
					})
				} catch { return false }
			})
			const timer = setInterval(() => {
				try {
					if (inspector.url() !== undefined) {
						if (performance.now() < guard.until) return
						guard.closing = true
						if (connected()) { guard.until = performance.now() + 1000; guard.closing = false; return }
						inspector.close()
					}
				} catch {}
				clearInterval(timer)
				delete globalThis[key]
			}, 100)
			timer.unref()
		} catch { delete globalThis[key] }
	})
	return true
})()`

// guardRenew tells the guard, if there is one, that its client is there, and answers whether the inspector stays open;
// guardRelease that it is leaving.
const (
	guardRenew = `(() => {
		const guard = globalThis[Symbol.for('gantry.inspector')]
		if (guard) guard.until = performance.now() + 1500
		return !guard?.closing
	})()`
	guardRelease = `globalThis[Symbol.for('gantry.inspector')] && (globalThis[Symbol.for('gantry.inspector')].until = 0), 0`
)
