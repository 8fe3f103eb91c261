//go:build bundle

package bundle

import _ "embed"

// archived are the tools, as a tar archive that is compressed by zstd.
//
//go:embed tools.tar.zst
var archived []byte
