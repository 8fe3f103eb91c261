#!/usr/bin/env bash
# Runs every fuzz target for some time, one after the other, with a bound of memory: scripts/fuzz.sh [SECONDS each] [PACKAGE...]
# What is found is written to testdata/fuzz of its package: keep it, it is a test from then on.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in -h | --help)
  sed -n '2,3s/^# //p' "$0"
  exit 0
  ;;
esac
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
