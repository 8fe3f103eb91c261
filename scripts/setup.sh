#!/usr/bin/env bash
# Installs what tests need of the distribution's packages (Debian, Ubuntu). What is there already is left alone; without root it says what is
# missing. Takes seconds to a minute.
#
#   scripts/setup.sh [--docker] [--browser] [--redis] [--jemalloc] [--arm64] [--faults]
#
# --docker    a Docker engine
# --browser   what pages are tested in
# --redis     a server that jobs are tested with
# --jemalloc  an allocator
# --arm64     an emulator of that architecture
# --faults    what makes system calls fail
set -euo pipefail
. "$(dirname "$0")/help.sh"

missing=()
for wish in "$@"; do
  case $wish in
    --docker) command -v dockerd >/dev/null || missing+=(docker.io) ;;
    --browser) command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium) ;;
    --arm64) command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static) ;;
    --jemalloc) compgen -G '/usr/lib/*/libjemalloc.so.2' >/dev/null || missing+=(libjemalloc2) ;;
    --faults) command -v strace >/dev/null || missing+=(strace) ;;
    --redis) command -v redis-server >/dev/null || missing+=(redis-server) ;;
    *) refuse "$wish" ;;
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
