#!/usr/bin/env bash
# Puts the tool gantry of $VERSION into PATH. A release is verified against its checksums and, by GitHub's tool, against the attestation of the workflow
# that has made it.
set -euo pipefail
work=$RUNNER_TEMP/gantry
mkdir -p "$work/bin" "$work/cache"

# Ubuntu 24.04 lets no ordinary user have user namespaces, in which gantry gives each build the same paths.
restriction=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ -e "$restriction" ] && [ "$(cat "$restriction")" = 1 ]; then sudo sysctl -q -w kernel.apparmor_restrict_unprivileged_userns=0 || true; fi

if [ "$VERSION" = source ]; then
  (cd "$GITHUB_ACTION_PATH" && scripts/build.sh)
  cp "$GITHUB_ACTION_PATH/build/gantry" "$work/bin/gantry"
else
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) echo "::error::there is no gantry for $(uname -m)" && exit 1 ;;
  esac
  file=gantry-$VERSION-linux-$arch.tar.gz
  from=${GANTRY_RELEASES:-https://github.com/gantry-buildpack/gantry/releases/download}/v$VERSION
  for name in "$file" SHA256SUMS; do curl -fsSL --retry 3 -o "$work/$name" "$from/$name"; done
  if ! (cd "$work" && grep " $file\$" SHA256SUMS | sha256sum --check --quiet -); then
    echo "::error::$file is not the file that SHA256SUMS of release $VERSION lists"
    exit 1
  fi
  if [ -z "${GANTRY_RELEASES:-}" ]; then gh attestation verify "$work/$file" --repo gantry-buildpack/gantry >/dev/null; fi
  tar -xzf "$work/$file" -C "$work/bin" --strip-components=1 gantry/gantry
  rm "$work/$file"
fi
echo "$work/bin" >>"$GITHUB_PATH"
"$work/bin/gantry" version
