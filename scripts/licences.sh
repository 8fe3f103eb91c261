#!/usr/bin/env bash
# Writes what Gantry's programs are made of, for the platform that GOOS and GOARCH name: a bill of materials, and the licences of all modules.
#
#   scripts/licences.sh BILL LICENCES [PROGRAM…]
#
# PROGRAM  a package of cmd; without it those of the buildpack
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
words 2 9 "$@"
programs=(./cmd/detect ./cmd/build ./cmd/launch ./cmd/static)
if [ $# -gt 2 ]; then programs=("${@:3}"); fi
release=$(sed -n 's/^version = "\(.*\)"/\1/p' buildpack.toml | head -1)

# Modules of the programs, with their folders: "PATH VERSION FOLDER".
modules=$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' "${programs[@]}" | sort -u)

{
  echo "The programs in this folder contain these modules."
  while read -r path version folder; do
    printf '\n==== %s %s ====\n\n' "$path" "$version"
    find "$folder" -maxdepth 1 -iregex '.*/\(licen[sc]e\|copying\|notice\)[^/]*' -type f | sort | xargs -d '\n' cat
  done <<<"$modules"
} >"$2"

# https://cyclonedx.org/docs/1.6/json/
awk -v go="$(go env GOVERSION)" -v release="$release" '
  BEGIN {
    printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,\n"
    printf "  \"metadata\": {\"component\": {\"type\": \"application\", \"name\": \"gantry\", \"version\": \"%s\", \"licenses\": [{\"license\": {\"id\": \"Apache-2.0\"}}]}},\n  \"components\": [\n", release
    sub(/^go/, "", go); sub(/ .*/, "", go)
    printf "    {\"type\": \"library\", \"name\": \"std\", \"version\": \"%s\", \"purl\": \"pkg:golang/std@%s\"}", go, go
  }
  { printf ",\n    {\"type\": \"library\", \"name\": \"%s\", \"version\": \"%s\", \"purl\": \"pkg:golang/%s@%s\"}", $1, $2, $1, $2 }
  END { print "\n  ]\n}" }' <<<"$modules" >"$1"
