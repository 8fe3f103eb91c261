package capture

import (
	"encoding/json"
	"fmt"
)

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
// It closes the inspector only with the lock of those that connect, a file that is named to it.
func guardInstall(lock string) string {
	// A text of JSON is one of JavaScript.
	text, _ := json.Marshal(lock)
	return fmt.Sprintf(guardScript, text)
}

const guardScript = `(() => {
	const key = Symbol.for('gantry.inspector')
	if (globalThis[key]) { globalThis[key].until = performance.now() + 1500; return true }
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
			const lock = %s
			const take = () => {
				try { fs.closeSync(fs.openSync(lock, 'wx', 0o600)) } catch (e) {
					if (e.code !== 'EEXIST') return true
					try { if (Date.now() - fs.lstatSync(lock).mtimeMs > 5000) return true } catch {}
					return false
				}
				return true
			}
			const timer = setInterval(() => {
				try {
					if (inspector.url() !== undefined) {
						if (performance.now() < guard.until) return
						if (!take()) return
						try {
							if (connected()) { guard.until = performance.now() + 1000; return }
							inspector.close()
						} finally { try { fs.unlinkSync(lock) } catch {} }
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

// guardRenew tells the guard, if there is one, that its client is there; guardRelease that it is leaving.
const (
	guardRenew   = `globalThis[Symbol.for('gantry.inspector')] && (globalThis[Symbol.for('gantry.inspector')].until = performance.now() + 1500), 0`
	guardRelease = `globalThis[Symbol.for('gantry.inspector')] && (globalThis[Symbol.for('gantry.inspector')].until = 0), 0`
)
