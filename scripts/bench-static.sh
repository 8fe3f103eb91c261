#!/usr/bin/env bash
# Measures the web server for static files beside nginx, in one run on this machine: requests a second, memory, and clients that never read.
# Needs nginx, wrk and python3 (Debian: apt-get install nginx-light wrk python3), and what scripts/build.sh needs.
#
#   scripts/bench-static.sh [-s SECONDS]
#
# -s  how long each measurement takes; 5
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."

seconds=5
while [ $# -gt 0 ]; do
  case $1 in
    -s) seconds=$2; shift 2 ;;
    *) refuse "$1" ;;
  esac
done
scripts/build.sh > /dev/null

work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/site"
printf '<!doctype html><title>a</title><h1>The page</h1>%0400d' 0 > "$work/site/index.html"
python3 - "$work/site" << 'PYTHON'
import sys, random
random.seed(1)
words = [''.join(random.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(random.randint(2, 9))) for _ in range(3000)]
open(sys.argv[1] + '/app.js', 'w').write('\n'.join('const ' + random.choice(words) + ' = "' + ' '.join(random.choice(words) for _ in range(9)) + '";' for _ in range(4000)))
open(sys.argv[1] + '/large.bin', 'wb').write(random.randbytes(64 << 20))
PYTHON
gzip -9 -k "$work/site/app.js"
cat > "$work/nginx.conf" << NGINX
worker_processes auto;
pid $work/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  include /etc/nginx/mime.types;
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  server { listen 127.0.0.1:18092; root $work/site; gzip_static on; etag on; }
}
NGINX
nginx -c "$work/nginx.conf" -g 'daemon off;' &
nginx=$!
PORT=18091 HOST=127.0.0.1 build/buildpack/bin/static "$work/site" > /dev/null &
gantry=$!
sleep 1

rate() { wrk -t 1 -c "${3:-32}" -d "${seconds}s" -H "Accept-Encoding: gzip" ${4:+-H "$4"} "http://127.0.0.1:$1$2" | awk '/Requests\/sec/ {print int($2)}'; }
tag() { curl -s -o /dev/null -D - -H "Accept-Encoding: gzip" "http://127.0.0.1:$1$2" | tr -d '\r' | awk 'tolower($1) == "etag:" {print $2}'; }
# The resident memory of a process and its children, in MB, without pages that they share.
memory() { for p in "$1" $(pgrep -P "$1"); do awk '/^Pss:/ {s += $2} END {print s}' "/proc/$p/smaps_rollup"; done | awk '{s += $1} END {printf "%.0f", s / 1024}'; }

row() { printf '%-44s %12s %12s %8s\n' "$1" "$2" "$3" "$4"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
row "$(nproc) processors, $seconds s each" gantry nginx ratio
both() { g=$(rate 18091 "$2" 32 "${3:-}"); n=$(rate 18092 "$2" 32 "${4:-${3:-}}"); row "$1" "$g" "$n" "$(ratio "$g" "$n")"; }
both "a page of 450 bytes, requests/s" /
both "a script of 250 kB, by gzip, requests/s" /app.js
both "the same, unchanged (304), requests/s" /app.js "If-None-Match: $(tag 18091 /app.js)" "If-None-Match: $(tag 18092 /app.js)"
both "a file of 64 MB, requests/s" /large.bin
row "memory after that, MB" "$(memory $gantry)" "$(memory $nginx)" ""

never() {
  python3 - "$1" << 'PYTHON'
import socket, sys, time
open_ = []
for _ in range(1000):
    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    s.sendall(b'GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n')
    open_.append(s)
time.sleep(15)
PYTHON
}
ulimit -n 8192
slow() { never "$1" & sleep 4; memory "$2"; wait $!; }
row "memory with 1000 clients that never read, MB" "$(slow 18091 $gantry)" "$(slow 18092 $nginx)" ""
never 18091 & sleep 4
start=$(date +%s.%N)
kill -TERM $gantry
while kill -0 $gantry 2> /dev/null; do sleep 0.1; done
row "until it has ended with these, after SIGTERM, s" "$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}')" "" ""
