#!/usr/bin/env bash
# The ledger on a real PostgreSQL server: the suite that runs on both engines, replicas and servers that die, the guide's
# commands with a database instead of a folder, and a short measurement.
#
# Takes the binary from TOLLGATE_BIN or builds it. Installs PostgreSQL where that can be done, and skips where not.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
found() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
if ! found && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql) >/dev/null 2>&1 || true
fi
found || skip "there is no PostgreSQL on this machine"
cd "$root"
cargo test --quiet -p tollgate-store --test it ledger
binary --release
work=$(mktemp -d)
coproc server { exec "$here/serve.sh"; }
server_pid=$!
trap 'exec {server[1]}>&-; wait "$server_pid" || true; rm -rf "$work"' EXIT
read -r url <&"${server[0]}"
cd "$work"
cat >day.jsonl <<'END'
{"key":"open-1","ops":[{"open":{"asset":{"code":"USD","exponent":2},"bound":"none","id":"acct_bank"}},{"open":{"asset":{"code":"USD","exponent":2},"bound":"debits_within_credits","id":"acct_ada"}}]}
{"key":"deposit-1","ops":[{"transfer":{"amount":{"asset":{"code":"USD","exponent":2},"minor":"10000"},"credit":"acct_ada","debit":"acct_bank"}}]}
END
"$TOLLGATE_BIN" pay ledger apply day.jsonl --ledger "$url"
"$TOLLGATE_BIN" pay ledger apply day.jsonl --ledger "$url" | grep -c 'answered before' | grep -qx 2
"$TOLLGATE_BIN" pay ledger accounts --ledger "$url" | grep 'acct_ada.*100.00'
"$TOLLGATE_BIN" pay audit keygen example.com/books --out log.key >log.pub
"$TOLLGATE_BIN" pay audit publish --ledger "$url" --log log --key log.key
"$TOLLGATE_BIN" pay audit verify log --key "$(cat log.pub)" --replay
"$TOLLGATE_BIN" bench ledger --engine postgres --database "$url" --dir "$work" --secs 2
