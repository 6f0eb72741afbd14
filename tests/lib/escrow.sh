# Parties of an escrow, and what they sign, for suites that pay by a rail outside of our own ledger. To be sourced, in a folder for the
# test, with TOLLGATE_BIN set.

tollgate() { "$TOLLGATE_BIN" "$@"; }
expect() { [ "$1" = "$2" ] || { echo "$3: $1, expected $2" >&2; exit 1; }; }
soon=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ) later=$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ)

# parties: the log's key, and those of payer, payee, verifier and evaluator.
parties() {
    mkdir -p pay
    tollgate pay audit keygen rail.example/pay --out pay/log.key >log.pub
    for who in ada bob; do tollgate pay task keygen party --out $who.key >$who.pub; done
    for who in verifier evaluator; do tollgate pay task keygen $who --out $who.key >$who.pub; done
}

# payer_account ACCOUNT CODE EXPONENT: the account of the terms, known to be the payer's.
payer_account() {
    printf '{"key":"open-%s","ops":[{"open":{"asset":{"code":"%s","exponent":%s},"bound":"none","id":"%s"}}]}\n' "$1" "$2" "$3" "$1" >accounts.jsonl
    tollgate pay ledger apply accounts.jsonl --ledger pay/books >/dev/null
    tollgate pay ledger own "$1" "$(cat ada.pub)" --ledger pay/books >/dev/null
}

# agree NAME ARGUMENT...: terms of one stage of 10000, signed by both; their id is in $id.
agree() {
    local name=$1
    shift
    tollgate pay task new --task "$name" --payer "$(cat ada.pub)" --payee "$(cat bob.pub)" --partial --stage "10000,$soon" \
        --refund-after "$later" --verifier "$(cat verifier.pub)" --evaluator "$(cat evaluator.pub)" --out "$name.json" "$@"
    tollgate pay task sign "$name.json" --key ada.key
    tollgate pay task sign "$name.json" --key bob.key
    id=$(tollgate pay task show "$name.json" --json | sed -n 's/.*"escrow": "\(.*\)".*/\1/p')
}

# lock NAME: the terms are recorded, and the rail is asked to hold.
lock() {
    tollgate pay escrow apply "$1.json" --data pay
    tollgate pay escrow do authorize "$id" --data pay
    tollgate pay escrow do lock "$id" --data pay
}

# decide GRANT: evidence for $id, and a verdict that grants so much.
decide() {
    echo '47 tests, 47 passed' >report.txt && echo 'the work' >work.txt
    tollgate pay escrow draft evidence "$id" --evidence report.txt --output work.txt --data pay --out evidence.json
    tollgate pay task sign evidence.json --key bob.key
    tollgate pay escrow apply evidence.json --data pay
    tollgate pay escrow do take "$id" --data pay
    tollgate pay escrow draft verdict "$id" --grant "$1" --reasons report.txt --data pay --out verdict.json
    tollgate pay task sign verdict.json --key verifier.key
    tollgate pay escrow apply verdict.json --data pay
}

# order: what was decided is executed.
order() {
    tollgate pay escrow draft order "$id" --expires "$soon" --data pay --out order.json
    tollgate pay task sign order.json --key verifier.key
    tollgate pay escrow apply order.json --data pay
}

# in_phase ID PHASE: whether it is there, once the rail was asked.
in_phase() {
    tollgate pay escrow do settle "$1" --data pay >/dev/null || true
    tollgate pay escrow show "$1" --data pay --json | grep -q "\"phase\": \"$2\""
}
