#!/usr/bin/env bash
# Runs every fuzz target for some time, one after the other, with a bound of memory. Needs Go. Takes half a minute a target, and there are about forty.
# What is found is written to testdata/fuzz of its package: keep it, it is a test from then on.
#
#   scripts/fuzz.sh [SECONDS [PACKAGE…]]
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
words 0 1000 "$@"
seconds=${1:-30}
[ $# -gt 0 ] && shift
# Inputs that take gigabytes must fail, and not the machine.
ulimit -v 8000000
failed=0
for package in $(go list "${@:-./internal/...}"); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "$package $target"
    # The default minimises an input for a minute, in which nothing else is tried.
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" -fuzzminimizetime 10x "$package" | tail -3 || failed=1
  done
done
exit $failed
