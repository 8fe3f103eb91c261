#!/usr/bin/env bash
# Brings the inventory of releases, and the newest of them in buildpack.toml, up to date from the npm registry and from the release schedule of Node.js; options go to
# cmd/releases, for example: scripts/update-releases.sh --registry https://mirror.example --allow-unsigned
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./cmd/releases "$@"
go test ./internal/plan/inventory
