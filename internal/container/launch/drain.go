package launch

import _ "embed" // for the file below

// DrainFile is the name, in the layer, of what lets running requests of a Node.js application finish after SIGTERM.
const DrainFile = "drain.cjs"

// DrainScript is that file.
//
//go:embed drain.cjs
var DrainScript string
