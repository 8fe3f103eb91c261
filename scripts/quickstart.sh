#!/usr/bin/env bash
# Builds an application with Gantry and shows that it runs. Needs Linux, Go 1.26 or later and curl: no container engine, and not root. The first time it
# takes about two minutes, nearly all of it for compiling Gantry; then about four seconds.
#
#   scripts/quickstart.sh [APP_DIR]
#
# APP_DIR  the application; without it samples/express
set -euo pipefail
. "$(dirname "$0")/help.sh"
words 0 1 "$@"
here=$(cd "$(dirname "$0")/.." && pwd)
app=$(cd "${1:-$here/samples/express}" && pwd)

"$here/scripts/build.sh"

work=$(mktemp -d)
pid=
cleanup() {
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# The build goes through a proxy where this machine does, and has the settings of this shell: docs/settings.md.
pass=() build=()
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY $(compgen -e | grep '^BP_' || true); do
  if [ -n "${!name:-}" ]; then pass+=(--env "$name") build+=(--build-env "$name"); fi
done
"$here/build/gantry" build "$app" "${pass[@]}"

port=$((20000 + RANDOM % 20000))
"$here/build/gantry" run "$app" --publish "$port:$port" "${build[@]}" >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 100); do
  if answer=$(curl -s "http://127.0.0.1:$port/"); then
    printf '\nThe application runs. GET / answers:\n\n%s\n\n' "$answer"
    echo "Build again after a change:  $here/build/gantry build $app"
    echo "Start it yourself:           $here/build/gantry run $app -p 8080:8080"
    echo "Give it to Docker:           $here/build/gantry build $app --docker my-app"
    exit 0
  fi
  if ! kill -0 "$pid" 2>/dev/null; then break; fi
  sleep 0.2
done
echo "The application did not answer on PORT=$port. What it printed:" >&2
cat "$work/out" >&2
exit 1
