#!/usr/bin/env bash
# Builds Gantry for this machine into build/: the buildpack, the lifecycle that tests and localbuild use, localbuild, and
# the tool gantry. With --prepare it makes the run image meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/quiet.sh
export CGO_ENABLED=0

lifecycle=0.21.17
flags=(-trimpath -ldflags "-s -w")

mkdir -p build/buildpack/bin build/tools
if [ ! -e build/localbuild ]; then echo "Compiling Gantry (the first time it takes a minute)"; fi
cp buildpack.toml LICENSE build/buildpack/
go build "${flags[@]}" -o build/buildpack/bin/ ./cmd/detect ./cmd/build
go build "${flags[@]}" -o build/buildpack/bin/gantry ./cmd/launch
go build "${flags[@]}" -o build/buildpack/bin/static ./cmd/static
go build "${flags[@]}" -o build/ ./cmd/localbuild

# Mostly waiting for the network: it costs nothing beside the compiler.
prepare=
if [ "${1:-}" = --prepare ]; then
  build/localbuild prepare 2>&3 &
  prepare=$!
fi

# The tools change with their module only; compiling them takes a minute.
stamp=$(cat integration/tools/go.sum integration/tools/go.mod scripts/build.sh | sha256sum | cut -c1-16)
if [ "$(cat build/tools/stamp 2>/dev/null)" != "$stamp" ]; then
  echo "Compiling the lifecycle $lifecycle (once, about a minute)"
  (cd integration/tools && go build -trimpath -ldflags "-s -w -X github.com/buildpacks/lifecycle/cmd.Version=$lifecycle" -o ../../build/tools/ \
    github.com/buildpacks/lifecycle/cmd/lifecycle github.com/buildpacks/lifecycle/cmd/launcher)
  echo "$stamp" > build/tools/stamp
fi
go build "${flags[@]}" -o build/ ./cmd/gantry
if [ -n "$prepare" ]; then wait "$prepare"; fi
