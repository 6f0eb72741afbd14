#!/usr/bin/env bash
# The console in a real browser against the running binary; see README.md.
#
#   TOLLGATE_BIN=target/release/tollgate tests/console/run.sh
#
# Installs Chromium with apt where it may. Where there is no Node 20, no Chromium or no npm registry, it says SKIPPED
# and ends with 0; everything else that fails is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
skip() { echo "SKIPPED: console: $1: NOTHING WAS TESTED" >&2; exit 0; }

command -v npm >/dev/null || skip "there is no npm"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "node is older than 20"
browser=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$browser" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -yqq chromium >/dev/null || true
  [ -x "$browser" ] || skip "there is no Chromium at $browser"
fi
(cd "$here" && npm ci --silent --no-audit --no-fund) || skip "the npm registry cannot be reached"

if [ -z "${TOLLGATE_BIN:-}" ]; then
  (cd "$root" && cargo build --quiet --locked -p tollgate)
  TOLLGATE_BIN=${CARGO_TARGET_DIR:-$root/target}/debug/tollgate
fi
work=$(mktemp -d)
TOLLGATE_BIN=$(realpath "$TOLLGATE_BIN")
mkdir "$work/pay"
log=$("$TOLLGATE_BIN" pay audit keygen console.example/pay --out "$work/pay/log.key")
"$TOLLGATE_BIN" serve --listen 127.0.0.1:0 --data memory --settle "$work/pay" >"$work/out" 2>"$work/err" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
for _ in $(seq 300); do
  grep -q '^curl ' "$work/out" && break
  kill -0 "$server" 2>/dev/null || { cat "$work/err" >&2; exit 1; }
  sleep 0.1
done
url=$(grep -m1 -o 'http://[^/ ]*' "$work/out" | sed -n 1p)
# Escrows to look at: one that was paid, one that was disputed.
"$TOLLGATE_BIN" pay demo --server "$url" --log "$log" >"$work/demo"
shots=${SHOTS:-${CARGO_TARGET_DIR:-$root/target}/screenshots}
cd "$here" && TOLLGATE_URL=$url CHROMIUM=$browser SHOTS=$(realpath -m "$shots") npm test
