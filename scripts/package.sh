#!/usr/bin/env bash
# Packages Gantry for pack and kpack: build/gantry-linux-amd64.cnb and build/gantry-linux-arm64.cnb. A package file holds one
# architecture (pack reads no second one), so build/gantry.cnb is the one for this machine. Needs what scripts/build.sh needs. Takes a minute.
#
#   scripts/package.sh [--arch "amd64 arm64"] [--offline "node=24 ruby=3.4 …"] [--publish REFERENCE] [--insecure]
#   scripts/package.sh --tool
#
# --arch      for which architectures; both without it
# --offline   put runtimes into the package, so that builds need no network for them: build/gantry-offline….cnb
# --publish   also push it to a registry, for both architectures
# --insecure  let the registry be one without TLS
# --tool      package the tool gantry instead, with its man pages and completions: build/gantry-tool-PLATFORM.tar.gz for linux-amd64, linux-arm64 and
#             darwin-arm64. build/gantry is the one for this machine afterwards
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
archs="amd64 arm64" offline= reference= insecure=() name=gantry tool=
while [ $# -gt 0 ]; do
  case $1 in
    --arch) archs=$2; shift 2 ;;
    --offline) offline=$2 name=gantry-offline; shift 2 ;;
    --publish) reference=$2; shift 2 ;;
    --tool) tool=1; shift ;;
    --insecure) insecure=(--insecure-registry); shift ;;
    *) refuse "$1" ;;
  esac
done

# tool packs the tool for a platform, with what belongs to it: the same files give the same bytes.
tool() {
  local platform=$1 program=$2 root
  root=$(mktemp -d)
  mkdir -p "$root/gantry/man" "$root/gantry/completions"
  cp "$program" "$root/gantry/gantry"
  cp LICENSE "$root/gantry/"
  ln -s gantry "$root/gantry/kubectl-gantry"
  GOOS=${platform%-*} GOARCH=${platform#*-} scripts/licences.sh "$root/gantry/bill-of-materials.cdx.json" "$root/gantry/THIRD-PARTY-LICENCES" ./cmd/gantry
  build/gantry man "$root/gantry/man"
  for shell in bash zsh fish; do build/gantry completion "$shell" >"$root/gantry/completions/gantry.$shell"; done
  chmod -R u=rwX,go=rX "$root"
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - gantry | gzip -n >"build/gantry-tool-$platform.tar.gz"
  rm -rf "$root"
}
if [ -n "$tool" ]; then
  mkdir -p build/package
  here=$(go env GOHOSTARCH) other=arm64
  if [ "$here" = arm64 ]; then other=amd64; fi
  GOARCH=$other scripts/build.sh --platforms
  mv build/gantry "build/package/gantry-$other"
  scripts/build.sh --platforms
  tool "linux-$here" build/gantry
  tool "linux-$other" "build/package/gantry-$other"
  GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)" -o build/package/gantry-darwin ./cmd/gantry
  tool darwin-arm64 build/package/gantry-darwin
  ls -l build/gantry-tool-*.tar.gz | awk '{printf "%s  %.1f MB\n", $9, $5/1e6}'
  exit 0
fi
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
    # shellcheck disable=SC2086 # several words
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
