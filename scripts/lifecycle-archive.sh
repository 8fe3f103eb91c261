#!/usr/bin/env bash
# Packs the lifecycle that scripts/build.sh compiled in the form of its releases.
#
#   scripts/lifecycle-archive.sh FILE.tgz
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
words 1 1 "$@"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/lifecycle"
cp build/tools/lifecycle build/tools/launcher "$root/lifecycle/"
for phase in analyzer builder creator detector exporter extender rebaser restorer; do ln -s lifecycle "$root/lifecycle/$phase"; done
cat >"$root/lifecycle.toml" <<'TOML'
[lifecycle]
version = "0.21.17"
[api]
platform = "0.7"
buildpack = "0.7"
[apis.buildpack]
deprecated = []
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12"]
[apis.platform]
deprecated = []
supported = ["0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13", "0.14", "0.15"]
TOML
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf "$1" lifecycle.toml lifecycle
