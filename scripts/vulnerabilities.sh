#!/usr/bin/env bash
# Tells which known vulnerabilities of Go modules Gantry's programs can reach, by Go's own database, and fails when there is one. Needs the network:
# without the database it says so, and fails only where CI is set. Takes a minute.
#
#   scripts/vulnerabilities.sh
set -euo pipefail
. "$(dirname "$0")/help.sh"
nothing "$@"
cd "$(dirname "$0")/.."
database=${GOVULNDB:-https://vuln.go.dev}
if [[ $database == http* ]] && ! curl -fsS --max-time 20 -o /dev/null "$database/index/db.json"; then
  echo "The database $database is not reachable: nothing was looked up" >&2
  if [ -n "${CI:-}" ]; then exit 1; fi
  exit 0
fi
go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "$database" ./cmd/...
