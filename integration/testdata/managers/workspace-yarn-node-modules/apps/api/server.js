require('http').createServer((q, r) => r.end(String(require('is-even')(2)))).listen(process.env.PORT)
