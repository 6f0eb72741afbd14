#!/usr/bin/env bash
# A whole task by the command line, paid on the chain: held, released in part by a quorum, the rest given back.
# Called by run.sh, with TOLLGATE_BIN, TOLLGATE_EVM_NODE and WORK.
set -euo pipefail
cd "$WORK"
tollgate() { "$TOLLGATE_BIN" "$@"; }
rpc() {
    curl -sS --fail -H 'content-type: application/json' -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}" "$TOLLGATE_EVM_NODE"
}
usdc=0x036CbD53842c5426634e7929541eC2318f3dCF7e
lower() { tr 'A-F' 'a-f'; }
balance() {
    local data=0x70a08231000000000000000000000000${1#0x}
    printf '%d\n' "$(rpc eth_call "[{\"to\":\"$usdc\",\"data\":\"$data\"},\"latest\"]" | sed -n 's/.*"result":"\(0x[0-9a-f]*\)".*/\1/p')"
}
# until COMMAND...: again, with a block between two tries, until it says yes; some chains take longer.
again() {
    for _ in $(seq 50); do
        if "$@"; then return; fi
        rpc evm_mine '[]' >/dev/null
    done
    echo "never: $*" >&2
    return 1
}
expect() { [ "$1" = "$2" ] || { echo "$3: $1, expected $2" >&2; exit 1; }; }

mkdir -p pay/evm
tollgate pay audit keygen chain.example/pay --out pay/log.key >log.pub
for who in ada bob; do tollgate pay task keygen party --out $who.key >$who.pub; done
tollgate pay task keygen verifier --out verifier.key >verifier.pub
tollgate pay task keygen evaluator --out evaluator.key >evaluator.pub
for who in sender payer payee fees v1 v2 v3; do tollgate pay rail evm keygen --out $who.eth | lower >$who.address; done
cp sender.eth pay/evm/sender.key
printf '%s' "$TOLLGATE_EVM_NODE" >pay/evm/node.url
cat >pay/evm/rail.json <<END
{"network": "eip155:84532", "node": "file:node.url", "key": "sender.key", "needed": 2,
 "verifiers": ["$(cat v1.address)", "$(cat v2.address)", "$(cat v3.address)"],
 "tokens": [{"asset": "USDC/6", "address": "$usdc", "name": "USDC", "version": "2"}],
 "confirmations": 1, "max_fee_wei": 100000000000}
END
rpc anvil_setBalance "[\"$(cat sender.address)\",\"0x8ac7230489e80000\"]" >/dev/null
minter=$(rpc eth_accounts '[]' | grep -o '0x[0-9a-fA-F]*' | sed -n 2p)
payer=$(cat payer.address)
rpc eth_sendTransaction "[{\"from\":\"$minter\",\"to\":\"$usdc\",\"data\":\"0x40c10f19000000000000000000000000${payer#0x}$(printf '%064x' 20000)\"}]" >/dev/null
again tollgate pay rail evm deploy --data pay

cat >accounts.jsonl <<END
{"key":"accounts","ops":[{"open":{"asset":{"code":"USDC","exponent":6},"bound":"none","id":"acct_$payer"}}]}
END
tollgate pay ledger apply accounts.jsonl --ledger pay/books >/dev/null
tollgate pay ledger own "acct_$payer" "$(cat ada.pub)" --ledger pay/books >/dev/null
soon=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ) later=$(date -u -d '+2 days' +%Y-%m-%dT%H:%M:%SZ)

# task NAME: terms of 0.01, signed by both and held; its id is in $id.
task() {
    tollgate pay task new --rail evm --task "$1" --asset USDC/6 --fund "acct_$payer=10000" --payee-account "acct_$(cat payee.address)" \
        --payer "$(cat ada.pub)" --payee "$(cat bob.pub)" --fee "acct_$(cat fees.address)=250" --partial \
        --stage "10000,$soon" --refund-after "$later" --verifier "$(cat verifier.pub)" --evaluator "$(cat evaluator.pub)" --out "$1.json"
    tollgate pay task sign "$1.json" --key ada.key
    tollgate pay task sign "$1.json" --key bob.key
    tollgate pay rail evm payment "$1.json" --data pay --key payer.eth
    tollgate pay escrow apply "$1.json" --data pay
    id=$(tollgate pay task show "$1.json" --json | sed -n 's/.*"escrow": "\(.*\)".*/\1/p')
    tollgate pay escrow do authorize "$id" --data pay
    tollgate pay escrow do lock "$id" --data pay
    again in_phase "$id" locked
}
# in_phase ID PHASE: whether it is there, once the rail was asked.
in_phase() {
    tollgate pay escrow do settle "$1" --data pay >/dev/null || true
    tollgate pay escrow show "$1" --data pay --json | grep -q "\"phase\": \"$2\""
}

task translate
expect "$(balance "$payer")" 10000 "the payer after the hold"
echo '47 tests, 47 passed' >report.txt && echo 'the work' >work.txt
tollgate pay escrow draft evidence "$id" --evidence report.txt --output work.txt --data pay --out evidence.json
tollgate pay task sign evidence.json --key bob.key
tollgate pay escrow apply evidence.json --data pay
tollgate pay escrow do take "$id" --data pay
tollgate pay escrow draft verdict "$id" --grant 8000 --reasons report.txt --data pay --out verdict.json
tollgate pay task sign verdict.json --key verifier.key
tollgate pay escrow apply verdict.json --data pay
# Nothing is signed for the chain before the log has the order.
! tollgate pay rail evm sign "$id" --data pay --key v1.eth --expires "$later" 2>/dev/null
tollgate pay escrow draft order "$id" --expires "$soon" --data pay --out order.json
tollgate pay task sign order.json --key verifier.key
tollgate pay escrow apply order.json --data pay
tollgate pay rail evm sign "$id" --data pay --key v1.eth --expires "$later"
! tollgate pay rail evm sign "$id" --data pay --key payer.eth --expires "$later" 2>/dev/null
! in_phase "$id" released || { echo "one signature released it" >&2; exit 1; }
tollgate pay rail evm sign "$id" --data pay --key v3.eth --expires "$later"
again in_phase "$id" released
expect "$(balance "$(cat payee.address)") $(balance "$(cat fees.address)") $(balance "$payer")" "7800 200 12000" "payee, fees, payer"
tollgate pay rail evm status "$id" --data pay
expect "$(tollgate pay rail evm reconcile --data pay)" "nothing is under way" "what is under way"
tollgate pay escrow draft order "$id" --expires "$soon" --data pay 2>/dev/null && exit 1
echo "a task was held, released in part by a quorum and paid on the chain, and is over"
