#!/usr/bin/env bash
# Draws the terminals of README and docs from what the commands really print: docs/images/terminal-*.svg. Needs what scripts/build.sh needs, curl and
# script (of util-linux). Takes about a minute.
#
#   scripts/pictures.sh [FOLDER]
#
# FOLDER  where the pictures go (default: docs/images)
set -euo pipefail
. "$(dirname "$0")/help.sh"
words 0 1 "$@"
here=$(cd "$(dirname "$0")/.." && pwd)
out=$(readlink -f "${1:-$here/docs/images}")
if [ ! -x "$here/build/gantry" ]; then "$here/scripts/build.sh"; fi
work=$(mktemp -d)
(cd "$here" && go build -o "$work/site" ./cmd/site)
trap 'PATH=$here/build:$PATH gantry stop "$name" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
unset NO_COLOR CI
export PATH=$here/build:$PATH TERM=xterm-256color
# Downloads as this machine makes them: docs/mirrors.md.
settings=()
for name in BP_NPM_REGISTRY HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  if [ -n "${!name:-}" ]; then settings+=(-e "$name"); fi
done

mkdir -p "$work/shop/deploy" "$work/home"
cp -R "$here/samples/express/." "$work/shop"
cd "$work/shop"
port=$((20000 + RANDOM % 20000))
# A container of the reader's own may have the name that is shown.
name=shop-$$

# shown runs a command at a terminal, and keeps what it prints under the words that a reader would type.
shown() {
  printf '$ %s\n' "$1"
  { script -qec "${2:-$1}" /dev/null </dev/null || true; } | tr -d '\r' | sed -e "s|$work/cache|~/.cache/gantry/apps/shop|g" -e "s|$port|8080|g" -e "s|$name|shop|g" -e 's/\(sha256:[0-9a-f]\{12\}\)[0-9a-f]\{52\}/\1…/'
}
draw() { "$work/site" --terminal "$1" >"$out/terminal-$2.svg"; }
build="gantry build . --cache $work/cache ${settings[*]}"

# The run image and Node.js are there before: what is shown is a build, and not the first of a machine.
eval "$build" >/dev/null 2>&1
rm -rf "$work/cache"
{
  shown "gantry build ." "$build"
  echo
  shown "echo '// A line more.' >>server.js"  "echo '// A line more.' >>server.js"
  shown "gantry build ." "$build"
  echo
  shown "gantry run . --name shop -d" "gantry run $work/cache/image --name $name -d -p $port:8080"
  for _ in $(seq 50); do if curl -s "127.0.0.1:$port" >/dev/null; then break; fi; sleep 0.1; done
  shown "curl localhost:8080" "curl -s localhost:$port"
  echo
} | draw "Build and run, without Docker" build
gantry stop "$name" >/dev/null

cat >project.toml <<'TOML'
[dev.gantry.config.DATABASE_URL]
description = "Where orders are kept"
type = "url"
schemes = ["postgres"]
secret = true
TOML
cat >deploy/web.yaml <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
        - name: web
          image: registry.example/shop
          env:
            - {name: DATABASE_URL, value: "mysql://db/orders"}
YAML
eval "$build" >/dev/null 2>&1
{
  shown "cat project.toml"
  echo
  shown "gantry check --image registry.example/shop deploy/web.yaml" "gantry check --image $work/cache/image deploy/web.yaml"
  echo
  shown "gantry run ." "gantry run $work/cache/image -p $port:8080"
} | draw "A deployment that would not start" check

cat >server.js <<'JS'
const { createServer } = require('node:http')

function priceOf(order) {
  let price = 0
  for (let i = 0; i < 2e6; i++) price += (order.length * i) % 97
  return price
}

function placeOrder(request, response) {
  response.end(JSON.stringify({ order: request.url, price: priceOf(request.url) }))
}

createServer(placeOrder).listen(process.env.PORT)
JS
sed -i 's|"express": *"[^"]*",\?||' package.json
rm -f project.toml
eval "$build" >/dev/null 2>&1
gantry run "$work/cache/image" --name "$name" -d -p "$port:8080" >/dev/null
(while curl -s "127.0.0.1:$port/orders" >/dev/null 2>&1 || [ ! -e "$work/enough" ]; do :; done) &
sleep 1
{
  shown "gantry ps run://shop" "gantry ps run://$name"
  echo
  shown "gantry profile cpu run://shop --for 5s --output slow.cpuprofile | head -n 12" "gantry profile cpu run://$name --for 5s --output slow.cpuprofile | head -n 12"
  echo
  shown "gantry lag run://shop --for 2s" "gantry lag run://$name --for 2s"
} | draw "Look inside a running container" inside
touch "$work/enough"
gantry stop "$name" >/dev/null
wait
