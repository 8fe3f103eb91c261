#!/usr/bin/env bash
# Sets everything up (as root, or with sudo), and passes all tests. Needs what scripts/build.sh needs, and Debian or Ubuntu for the rest. Takes about half an
# hour.
#
#   scripts/test.sh [ARGUMENT…]
#
# ARGUMENT  for go test: scripts/test.sh -run TestExpress
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."

for word in "$@"; do case $word in --?*) refuse "$word" ;; esac done
scripts/setup.sh --docker --browser --redis --jemalloc --arm64 --faults || echo "Going on without; the tests that need it say so"
scripts/build.sh --platforms
scripts/tools.sh

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  echo "Not formatted by gofmt: $unformatted" >&2
  exit 1
fi
go vet ./...
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
# Where most goroutines are, with the race detector; the night runs it everywhere. These packages' tests are not run a second time.
raced=$(go list ./internal/buildpack/... ./internal/install/{fetch,imports,npmtar} ./internal/platform/oci ./internal/problem/...)
# shellcheck disable=SC2086 # several packages
go test -race -count=1 $raced | grep -v 'no test files'
rest=$(go list ./... | grep -vxF "$raced")
# A line for each package, then the tests that failed, with all they said, and those that were skipped, with their reasons.
# shellcheck disable=SC2086 # several packages
go run gotest.tools/gotestsum@v1.13.0 --format pkgname --format-hide-empty-pkg --format-icons text -- -count=1 -timeout 80m $rest "$@"
