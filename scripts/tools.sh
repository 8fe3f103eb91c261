#!/usr/bin/env bash
# Compiles pack, which packaging and the Docker tests use, into build/tools/. Needs Go. Takes a minute, once.
#
#   scripts/tools.sh
set -euo pipefail
. "$(dirname "$0")/help.sh"
nothing "$@"
cd "$(dirname "$0")/.."
. scripts/quiet.sh
pack=0.40.3
stamp=$(cat integration/tools/go.sum integration/tools/go.mod scripts/tools.sh | sha256sum | cut -c1-16)
mkdir -p build/tools
if [ "$(cat build/tools/pack.stamp 2>/dev/null)" != "$stamp" ]; then
  echo "Compiling pack $pack (once, about a minute)"
  (cd integration/tools && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/buildpacks/pack/pkg/client.Version=$pack" \
    -o ../../build/tools/ github.com/buildpacks/pack)
  echo "$stamp" > build/tools/pack.stamp
fi
