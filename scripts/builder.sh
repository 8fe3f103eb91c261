#!/usr/bin/env bash
# Makes a builder with Gantry, for pack, CI and kpack, and the images that it builds and runs on. Needs Docker and what scripts/build.sh needs; the
# images are made of Debian packages, without any other image. Takes about five minutes the first time.
#
#   scripts/builder.sh [--run IMAGE --build IMAGE] [--name PREFIX] [--shell] [--offline "node=24 …"] [--publish]
#
# --run, --build  take other base images than Debian 12; both must have the labels and variables of the specification:
#                 https://github.com/buildpacks/spec/blob/platform/0.13/platform.md#run-image
# --name          what the images are called: PREFIX/run:debian-12, PREFIX/build:debian-12, PREFIX/builder (default: gantry)
# --shell         leave shells in the run image of Debian packages; without it there is none, and no package manager
# --offline       put runtimes into the builder, so that builds need no network for them
# --publish       push all three; PREFIX begins with a registry then
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
run= build= prefix=gantry shell=() offline=() publish=
while [ $# -gt 0 ]; do
  case $1 in
    --run) run=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --name) prefix=$2; shift 2 ;;
    --shell) shell=(--shell); shift ;;
    --offline) offline=(--offline "$2"); shift 2 ;;
    --publish) publish=1; shift ;;
    *) refuse "$1" ;;
  esac
done
scripts/setup.sh
scripts/build.sh
scripts/package.sh --arch "$(go env GOHOSTARCH)" "${offline[@]}"
package=build/gantry.cnb
if [ ${#offline[@]} -gt 0 ]; then package=build/gantry-offline.cnb; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# base makes one of the images, unless it is given.
base() {
  build/gantry base "$1" "$prefix/$1:debian-12" --output "$work/$1.tar" "${shell[@]}"
  docker load --quiet --input "$work/$1.tar"
  rm "$work/$1.tar"
}
if [ -z "$run" ]; then base run; run=$prefix/run:debian-12; fi
if [ -z "$build" ]; then base build; build=$prefix/build:debian-12; fi

scripts/lifecycle-archive.sh "$work/lifecycle.tgz"
cat >"$work/builder.toml" <<TOML
description = "Builds applications of Node.js and Ruby with Gantry"
[[buildpacks]]
uri = "$PWD/$package"
[[order]]
[[order.group]]
id = "gantry/app"
[build]
image = "$build"
[[run.images]]
image = "$run"
[lifecycle]
uri = "$work/lifecycle.tgz"
[[targets]]
os = "linux"
arch = "$(go env GOHOSTARCH)"
TOML
export PACK_HOME=$work/pack
build/tools/pack builder create "$prefix/builder" --config "$work/builder.toml" --pull-policy if-not-present
if [ -n "$publish" ]; then
  for image in "$run" "$build" "$prefix/builder"; do docker push --quiet "$image"; done
fi
echo "Use it:  build/tools/pack build my-app --builder $prefix/builder --path samples/express"
