#!/usr/bin/env bash
# The console in a real browser against the running binary; see README.md.
#
#   TOLLGATE_BIN=target/release/tollgate tests/console/run.sh
#
# Installs Chromium with apt where it may. Where there is no Node 20, no Chromium or no npm registry, it says SKIPPED
# and ends with 0; everything else that fails is a failure.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"

command -v npm >/dev/null || skip "there is no npm"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "node is older than 20"
browser=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$browser" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -yqq chromium >/dev/null || true
  [ -x "$browser" ] || skip "there is no Chromium at $browser"
fi
(cd "$here" && npm ci --silent --no-audit --no-fund) || skip "the npm registry cannot be reached"

binary
work=$(mktemp -d)
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
