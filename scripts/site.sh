#!/usr/bin/env bash
# Makes the site of the documentation in build/site: every page of README and docs as HTML, with a search; nothing is loaded from elsewhere. A link that leads
# nowhere is an error. Needs Go. Takes seconds.
#
#   scripts/site.sh [FOLDER]
set -euo pipefail
. "$(dirname "$0")/help.sh"
words 0 1 "$@"
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/build/site}
mkdir -p "$out"
out=$(readlink -f "$out")
cd "$here"
. scripts/quiet.sh
go run ./cmd/site . "$out"
echo "Open  $out/index.html"
