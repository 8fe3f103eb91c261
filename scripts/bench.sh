#!/usr/bin/env bash
# Measures Gantry against plain npm on this machine, in alternating runs: prints a table of medians and ratios, and writes
# build/bench.json and build/bench.svg. Needs what scripts/build.sh needs, npm, and a machine that does nothing else meanwhile. Takes about 20 minutes.
#
#   scripts/bench.sh [-n RUNS] [--only detect,install,build,managers,image,launch,ruby]
#   scripts/bench.sh --profile FILE
#
# -n         how often each is measured
# --only     these parts alone
# --profile  write a CPU profile of one first build, for: go tool pprof FILE
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
scripts/build.sh
CGO_ENABLED=0 go build -trimpath -o build/bench ./integration/bench
# Where this machine trusts certificates of its own, npm does so too.
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
fi
exec build/bench "$@"
