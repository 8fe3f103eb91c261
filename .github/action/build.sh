#!/usr/bin/env bash
# Builds $APP as $IMAGE, and pushes it unless $PUBLISH is false. Leaves the log and the image's place for the next steps.
set -euo pipefail
work=$RUNNER_TEMP/gantry
case $IMAGE in
  *[[:space:]]* | -* | '')
    echo "::error::image is no reference"
    exit 1
    ;;
esac
publish=true
if [ "${PUBLISH,,}" = false ]; then publish=; fi
arguments=(--cache "$work/cache")
if [ -n "$publish" ]; then arguments+=(--publish "$IMAGE"); fi
while IFS= read -r line; do
  if [ -n "$line" ]; then arguments+=(--env "$line"); fi
done <<<"${BUILD_ENV:-}"

gantry build "${arguments[@]}" -- "$APP" 2>&1 | tee "$work/log"

if [ -z "$publish" ]; then
  echo "$work/cache/image" >"$work/image"
  exit 0
fi
digest=$(sed -n 's/^  Image  .*\(sha256:[0-9a-f]\{64\}\).*/\1/p' "$work/log" | tail -1)
name=${IMAGE%@*}
if [[ ${name##*/} == *:* ]]; then name=${name%:*}; fi
echo "image=$name@$digest" >>"$GITHUB_OUTPUT"
echo "$name@$digest" >"$work/image"
