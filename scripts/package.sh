#!/usr/bin/env bash
# Packages Gantry for pack and kpack: build/gantry-linux-amd64.cnb and build/gantry-linux-arm64.cnb. A package file holds one
# architecture (pack reads no second one), so build/gantry.cnb is the one for this machine. Needs what scripts/build.sh needs. Takes a minute.
#
#   scripts/package.sh [--arch "amd64 arm64"] [--offline "node=24 ruby=3.4 …"] [--publish REFERENCE] [--insecure]
#
# --arch      for which architectures; both without it
# --offline   put runtimes into the package, so that builds need no network for them: build/gantry-offline….cnb
# --publish   also push it to a registry, for both architectures
# --insecure  let the registry be one without TLS
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
archs="amd64 arm64" offline= reference= insecure=() name=gantry
while [ $# -gt 0 ]; do
  case $1 in
    --arch) archs=$2; shift 2 ;;
    --offline) offline=$2 name=gantry-offline; shift 2 ;;
    --publish) reference=$2; shift 2 ;;
    --insecure) insecure=(--insecure-registry); shift ;;
    *) refuse "$1" ;;
  esac
done
scripts/tools.sh

out=build/package
rm -rf "$out"
mkdir -p "$out/root"
cp buildpack.toml LICENSE "$out/root/"
targets=()
for arch in $archs; do
  targets+=(--target "linux/$arch")
  export GOOS=linux GOARCH=$arch CGO_ENABLED=0
  folder=$out/root/linux/$arch
  mkdir -p "$folder/bin"
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$folder/bin/" ./cmd/detect ./cmd/build
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$folder/bin/gantry" ./cmd/launch
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$folder/bin/static" ./cmd/static
  cp LICENSE "$folder/"
  # What Gantry itself is made of: a bill of materials, and the licences of all modules in its programs.
  scripts/licences.sh "$folder/bill-of-materials.cdx.json" "$folder/THIRD-PARTY-LICENCES"
  if [ -n "$offline" ]; then
    # shellcheck disable=SC2086 -- several words
    GOARCH=$(go env GOHOSTARCH) go run ./cmd/offline --output "$folder/dependencies" --arch "$arch" ${BP_NPM_REGISTRY:+--registry "$BP_NPM_REGISTRY"} $offline
  fi
done
unset GOOS GOARCH

# pack prints a file's name for every architecture; it needs no engine for files.
export PACK_HOME=$PWD/$out/home
pack() { DOCKER_HOST=unix:///nowhere build/tools/pack "$@"; }
pack buildpack package "$out/$name.cnb" --path "$out/root" --format file --quiet "${targets[@]}"
for arch in $archs; do
  # Of one architecture the file has no other name.
  if [ -e "$out/$name-linux-$arch.cnb" ]; then mv "$out/$name-linux-$arch.cnb" "build/$name-linux-$arch.cnb"; else mv "$out/$name.cnb" "build/$name-linux-$arch.cnb"; fi
done
host=build/$name-linux-$(go env GOHOSTARCH).cnb
if [ -e "$host" ]; then cp "$host" "build/$name.cnb"; fi
if [ -n "$reference" ]; then
  pack buildpack package "$reference" --path "$out/root" --format image --publish "${targets[@]}" "${insecure[@]/--insecure-registry/--insecure-registry=${reference%%/*}}"
fi
rm -rf "$out/home"
ls -l build/"$name"*.cnb | awk '{printf "%s  %.1f MB\n", $9, $5/1e6}'
