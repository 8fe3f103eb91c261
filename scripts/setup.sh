#!/usr/bin/env bash
# Installs what building run images needs (mmdebstrap), with --docker an engine, with --browser what pages are tested
# in, with --redis a server that jobs are tested with, with --jemalloc an allocator, with --arm64 an emulator, and with --faults what
# makes system calls fail, from the distribution's packages.
# What is there already is left alone. Without root it says what is missing.
set -euo pipefail

missing=()
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
for wish in "$@"; do
  case $wish in
    --docker) command -v dockerd >/dev/null || missing+=(docker.io) ;;
    --browser) command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium) ;;
    --arm64) command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static) ;;
    --jemalloc) compgen -G '/usr/lib/*/libjemalloc.so.2' >/dev/null || missing+=(libjemalloc2) ;;
    --faults) command -v strace >/dev/null || missing+=(strace) ;;
    --redis) command -v redis-server >/dev/null || missing+=(redis-server) ;;
  esac
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "Please install: ${missing[*]} (for example: sudo apt-get install ${missing[*]})" >&2
    exit 1
  fi
  sudo=(sudo)
fi
if ! command -v apt-get >/dev/null; then
  echo "Please install with your package manager: ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
log=$(mktemp)
if ! { "${sudo[@]}" apt-get update -q && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" ca-certificates iptables; } >"$log" 2>&1; then
  tail -20 "$log" >&2
  exit 1
fi
rm -f "$log"
