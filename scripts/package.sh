#!/usr/bin/env bash
# Packages Gantry for pack: build/gantry-linux-amd64.cnb and build/gantry-linux-arm64.cnb. A package file holds one
# architecture (pack reads no second one), so build/gantry.cnb is the one for this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh

out=build/package
rm -rf "$out"
mkdir -p "$out/root"
cp buildpack.toml LICENSE "$out/root/"
for arch in amd64 arm64; do
  export GOOS=linux GOARCH=$arch CGO_ENABLED=0
  bin=$out/root/linux/$arch/bin
  mkdir -p "$bin"
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$bin/" ./cmd/detect ./cmd/build
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$bin/gantry" ./cmd/launch
  go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$bin/static" ./cmd/static
  cp LICENSE "$out/root/linux/$arch/"
done
unset GOOS GOARCH

# pack prints a file's name for every architecture; it needs no engine for files.
PACK_HOME=$PWD/$out/home DOCKER_HOST=unix:///nowhere build/tools/pack buildpack package "$out/gantry.cnb" --path "$out/root" --format file --quiet
for arch in amd64 arm64; do
  mv "$out/gantry-linux-$arch.cnb" "build/gantry-linux-$arch.cnb"
done
rm -rf "$out/home"
cp "build/gantry-linux-$(go env GOHOSTARCH).cnb" build/gantry.cnb
ls -l build/gantry*.cnb | awk '{printf "%s  %.1f MB\n", $9, $5/1e6}'
