#!/usr/bin/env bash
# Sets everything up and passes all tests. Arguments go to go test, for example: scripts/test.sh -run TestExpress
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --docker --browser || echo "Going on without; the tests that need it say so"
scripts/build.sh
scripts/tools.sh

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  echo "Not formatted by gofmt: $unformatted" >&2
  exit 1
fi
go vet ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
# Tests that were skipped are named at the end, with their reasons.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
go test -count=1 -v -timeout 40m ./... "$@" >"$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
  grep -vE '^(=== (RUN|PAUSE|CONT|NAME)|    --- PASS|        --- PASS|--- PASS|PASS|\?)' "$log" | tail -200
  exit "$status"
fi
grep -E '^(ok|FAIL)' "$log"
grep -E -B1 -A6 '^ *--- SKIP' "$log" || true
