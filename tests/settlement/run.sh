#!/usr/bin/env bash
# Settlement as a whole, by the binary: ten thousand seeded schedules of escrows in a world that crashes, repeats and
# delays; then a server that is killed without warning again and again while tasks are played against it, whose log holds.
#
#   TOLLGATE_BIN=target/release/tollgate tests/settlement/run.sh
#   SCHEDULES=1000000 KILLS=1000 tests/settlement/run.sh          a night's work
#
# Takes the binary from TOLLGATE_BIN or builds it.
set -Eeuo pipefail
trap 'echo "tests/settlement/run.sh: line $LINENO: a command failed" >&2' ERR
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ -z "${TOLLGATE_BIN:-}" ]; then
  (cd "$root" && cargo build --release --quiet)
  TOLLGATE_BIN=${CARGO_TARGET_DIR:-$root/target}/release/tollgate
fi
TOLLGATE_BIN=$(realpath "$TOLLGATE_BIN")
"$TOLLGATE_BIN" pay simulate --schedules "${SCHEDULES:-10000}"

work=$(mktemp -d)
server=0
trap '[ "$server" = 0 ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/pay"
log=$("$TOLLGATE_BIN" pay audit keygen killed.example/pay --out "$work/pay/log.key")
start() {
  : >"$work/out" # the last server's greeting is not this one's
  "$TOLLGATE_BIN" serve --listen 127.0.0.1:0 --data memory --settle "$work/pay" >"$work/out" 2>"$work/err" &
  server=$!
  for _ in $(seq 300); do
    grep -q '^curl ' "$work/out" && break
    kill -0 "$server" 2>/dev/null || { cat "$work/err" >&2; exit 1; }
    sleep 0.1
  done
  url=$(grep -o 'http://[^/ ]*' "$work/out" | sed -n 1p)
}
entries=0
for round in $(seq "${KILLS:-25}"); do
  start
  "$TOLLGATE_BIN" pay demo --server "$url" --log "$log" >"$work/demo" 2>&1 &
  demo=$!
  # Somewhere within the two tasks, which take about a second; the moment differs from round to round.
  sleep "0.$(printf '%03d' $((round * 137 % 700)))"
  kill -9 "$server"
  wait "$server" 2>/dev/null || true
  server=0
  wait "$demo" 2>/dev/null || true
  # What was answered with its proof is there; what follows from the log follows, from its first entry on.
  proven=$(sed -n 's/.*entry \([0-9]*\) is in the log.*/\1/p' "$work/demo" | tail -1)
  "$TOLLGATE_BIN" pay escrow show --data "$work/pay" --json >"$work/escrows"
  "$TOLLGATE_BIN" pay audit publish --ledger "$work/pay/books" --log "$work/pay/log" --key "$work/pay/log.key" >"$work/checkpoint"
  size=$(sed -n 2p "$work/checkpoint")
  if [ "${proven:--1}" -ge "$size" ] || [ "$size" -lt "$entries" ]; then
    echo "round $round: entry ${proven:-none} was proven, the log has $size entries, $entries before" >&2
    exit 1
  fi
  entries=$size
done
"$TOLLGATE_BIN" pay audit verify "$work/pay/log" --key "$log" --replay
# Whatever was under way goes on: the server asks what became of calls, and plays two more tasks to their end.
start
"$TOLLGATE_BIN" pay demo --server "$url" --log "$log" | tail -1
kill -TERM "$server" && wait "$server" 2>/dev/null || true
server=0
if grep -q '"rail": *"pending"\|"rail": *"unknown"' <("$TOLLGATE_BIN" pay escrow show --data "$work/pay" --json); then
  echo "a call to the rail is still open after the restart" >&2
  exit 1
fi
echo "killed ${KILLS:-25} times: $entries entries, none lost"
