#!/usr/bin/env bash
# Makes a builder with Gantry, for pack, CI and kpack, and the images that it builds and runs on. Needs Docker and what scripts/build.sh needs; the
# images are made of Debian packages, without any other image. Takes about three minutes the first time.
#
#   scripts/builder.sh [--run IMAGE --build IMAGE] [--name PREFIX] [--tag TAG] [--tiny] [--offline "node=24 …"] [--publish]
#
# --run, --build  take other base images than Debian 12; both must have the labels and variables of the specification:
#                 https://github.com/buildpacks/spec/blob/platform/0.13/platform.md#run-image
# --name          what the images are called: PREFIX/run:debian-12, PREFIX/build:debian-12, PREFIX/builder (default: gantry)
# --tag           the builder is PREFIX/builder:TAG
# --tiny          a run image without a shell, for applications that need none: gantry base --help
# --offline       put runtimes into the builder, so that builds need no network for them
# --publish       push all three; PREFIX begins with a registry then
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
run= build= prefix=gantry tag= kind=base offline=() publish=
while [ $# -gt 0 ]; do
  case $1 in
    --run) run=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --name) prefix=$2; shift 2 ;;
    --tag) tag=:$2; shift 2 ;;
    --tiny) kind=tiny; shift ;;
    --offline) offline=(--offline "$2"); shift 2 ;;
    --publish) publish=1; shift ;;
    *) refuse "$1" ;;
  esac
done
scripts/build.sh
scripts/package.sh --arch "$(go env GOHOSTARCH)" "${offline[@]}"
package=build/gantry.cnb
if [ ${#offline[@]} -gt 0 ]; then package=build/gantry-offline.cnb; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# base makes an image of a kind under a name.
base() {
  build/gantry base "$1" "$2" --output "$work/$1.tar"
  docker load --quiet --input "$work/$1.tar"
  rm "$work/$1.tar"
}
if [ -z "$run" ]; then run=$prefix/run:debian-12; base "$kind" "$run"; fi
if [ -z "$build" ]; then build=$prefix/build:debian-12; base build "$build"; fi

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
build/tools/pack builder create "$prefix/builder$tag" --config "$work/builder.toml" --pull-policy if-not-present
if [ -n "$publish" ]; then
  for image in "$run" "$build" "$prefix/builder$tag"; do docker push --quiet "$image"; done
fi
echo "Use it:  build/tools/pack build my-app --builder $prefix/builder$tag --path samples/express"
