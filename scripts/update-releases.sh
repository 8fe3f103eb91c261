#!/usr/bin/env bash
# Brings the inventory of releases, and the newest of them in buildpack.toml, up to date from the npm registry and from the release schedule of Node.js. Needs Go.
#
#   scripts/update-releases.sh [OPTION…]
#
# OPTION  for cmd/releases: --registry https://mirror.example, --allow-unsigned
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
go run ./cmd/releases "$@"
go test ./internal/plan/inventory
