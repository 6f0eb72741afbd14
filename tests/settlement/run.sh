#!/usr/bin/env bash
# Settlement as a whole, by the binary: ten thousand seeded schedules of escrows in a world that crashes, repeats and
# delays; then a server that is killed without warning again and again while tasks are played against it, whose log holds.
#
#   TOLLGATE_BIN=target/release/tollgate tests/settlement/run.sh
#   SCHEDULES=1000000 KILLS=1000 tests/settlement/run.sh          a night's work
#   SCHEDULES=0 tests/settlement/run.sh postgres                  the servers on PostgreSQL: one is killed, the other goes on
#
# Takes the binary from TOLLGATE_BIN or builds it. Kills by progress, not by the clock: after so many lines of those who play.
set -Eeuo pipefail
trap 'echo "tests/settlement/run.sh: line $LINENO: a command failed" >&2' ERR
. "$(dirname "$0")/../lib/suite.sh"
binary --release
[ "${SCHEDULES:-10000}" = 0 ] || "$TOLLGATE_BIN" pay simulate --schedules "${SCHEDULES:-10000}"

engine=${1:-folder}
kills=${KILLS:-25}
players=${PLAYERS:-3}
work=$(mktemp -d)
database=
declare -A pid=() url=()
finish() {
  for one in "${pid[@]}"; do kill -9 "$one" 2>/dev/null || true; done
  if [ -n "$database" ]; then
    exec {database_in}>&-
    wait "$database" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

# Both servers have the same log key; a folder has one server, a database two.
mkdir "$work/a"
log=$("$TOLLGATE_BIN" pay audit keygen killed.example/pay --out "$work/a/log.key")
ledger=$work/a/books
servers=a
settle=
if [ "$engine" = postgres ]; then
  mkfifo "$work/database.in" "$work/database.out"
  "$root/tests/postgres/serve.sh" <"$work/database.in" >"$work/database.out" &
  database=$!
  exec {database_in}>"$work/database.in"
  # The server's URL is its first line; without PostgreSQL it ends instead.
  if ! IFS= read -r ledger <"$work/database.out"; then
    echo "SKIPPED: settlement on PostgreSQL, as there is none on this machine"
    exit 0
  fi
  printf '%s' "$ledger" >"$work/ledger.url"
  mkdir "$work/b"
  cp "$work/a/log.key" "$work/b/log.key"
  servers="a b"
  settle=", ledger: 'file:$work/ledger.url'"
fi

# Starts a server and reads its greeting, which says where it listens. What it says later goes to its file.
start() {
  local name=$1 line out
  cat >"$work/$name.yaml" <<END
settle: {data: $work/$name$settle}
policy: none.tollgate
providers: [{name: none, kind: tollgate_sim, base_url: 'http://127.0.0.1:9'}]
models: [{name: none, provider: none}]
END
  mkfifo "$work/$name.out"
  "$TOLLGATE_BIN" serve "$work/$name.yaml" --listen 127.0.0.1:0 --data memory >"$work/$name.out" 2>"$work/$name.err" &
  pid[$name]=$!
  exec {out}<"$work/$name.out"
  rm "$work/$name.out"
  url[$name]=
  while [ -z "${url[$name]}" ]; do
    IFS= read -r line <&"$out" || { cat "$work/$name.err" >&2; exit 1; }
    url[$name]=$(grep -o 'http://[0-9.:]*' <<<"$line" | head -1 || true)
  done
  # Whatever else it prints is read, so that it never waits for a reader.
  cat <&"$out" >"$work/$name.said" &
  exec {out}<&-
}

play() { "$TOLLGATE_BIN" pay demo --server "$1" --log "$log" 2>&1 || true; }

size() {
  "$TOLLGATE_BIN" pay audit publish --ledger "$ledger" --log "$work/published" --key "$work/a/log.key" | sed -n 2p
}

# A gateway routes models too: here one that nobody asks.
printf 'policy "none"\ndefault { models { "none" } }\n' >"$work/none.tollgate"
for name in $servers; do start "$name"; done
play "${url[a]}" | tail -1 # alone: the first opens the account through which all clear
entries=$(size)
for round in $(seq "$kills"); do
  # So many lines of all players together; a task has some twenty, a player two tasks.
  lines=0 wanted=$((1 + round * 37 % (25 * players))) proven=-1
  while IFS= read -r line; do
    lines=$((lines + 1))
    if [[ $line =~ entry\ ([0-9]+)\ is\ in\ the\ log ]] && [ "${BASH_REMATCH[1]}" -gt "$proven" ]; then
      proven=${BASH_REMATCH[1]}
    fi
    [ "$lines" != "$wanted" ] || kill -9 "${pid[a]}"
  done < <(
    for n in $(seq "$players"); do
      # On a database every second player plays at the server that lives.
      at=a
      [ "$engine" = folder ] || [ $((n % 2)) = 1 ] || at=b
      play "${url[$at]}" &
    done
    wait
  )
  kill -9 "${pid[a]}" 2>/dev/null || true
  wait "${pid[a]}" 2>/dev/null || true
  # What was answered with its proof is there; what follows from the log follows, from its first entry on.
  now=$(size)
  if [ "$proven" -ge "$now" ] || [ "$now" -lt "$entries" ]; then
    echo "round $round: entry $proven was proven, the log has $now entries, $entries before" >&2
    exit 1
  fi
  entries=$now
  [ $((round % 10)) != 0 ] || echo "$engine: killed $round times, $entries entries" >&2
  [ "$engine" = postgres ] || "$TOLLGATE_BIN" pay escrow show --data "$work/a" --json >"$work/escrows"
  start a
done
"$TOLLGATE_BIN" pay audit verify "$work/published" --key "$log" --replay
# Whatever was under way goes on: the servers ask what became of calls, and play two more tasks to their end.
for name in $servers; do
  "$TOLLGATE_BIN" pay demo --server "${url[$name]}" --log "$log" | tail -1
done
for name in $servers; do
  kill -TERM "${pid[$name]}"
  wait "${pid[$name]}" || true
done
entries=$(size)
"$TOLLGATE_BIN" pay audit verify "$work/published" --key "$log" --replay >"$work/verified"
if [ "$engine" = folder ] &&
  grep -q '"rail": *"pending"\|"rail": *"unknown"' <("$TOLLGATE_BIN" pay escrow show --data "$work/a" --json); then
  echo "a call to the rail is still open after the restart" >&2
  exit 1
fi
echo "$engine: killed $kills times with $players players: $entries entries, none lost"
