#!/usr/bin/env bash
# Compares the image with $MANIFESTS, and says what it needs that $COMPARE_WITH did not. Findings are shown at their lines in the pull request.
set -euo pipefail
work=$RUNNER_TEMP/gantry
image=$(cat "$work/image")
shopt -s nullglob globstar
files=()
read -ra patterns <<<"${MANIFESTS//$'\n'/ }"
for pattern in "${patterns[@]}"; do
  # shellcheck disable=SC2206 # a pattern
  found=($pattern)
  if [ ! -e "${found[0]:-}" ]; then
    echo "::error::no file matches $pattern"
    exit 1
  fi
  files+=("${found[@]}")
done
if [ -n "$COMPARE_WITH" ]; then
  # What is new in the contract is told, and decides nothing: the manifests do.
  gantry check --diff "$COMPARE_WITH" "$image" >"$work/diff" 2>&1 || true
  cat "$work/diff"
fi
if [ ${#files[@]} -gt 0 ]; then
  gantry check --image "$image" "${files[@]}" >"$work/check" 2>&1 || true
  gantry check --image "$image" --github "${files[@]}"
fi
