#!/usr/bin/env bash
# A whole task by the command line, paid on the chain: held, released in part by a quorum, the rest given back.
# Called by run.sh, with TOLLGATE_BIN, TOLLGATE_EVM_NODE and WORK.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$WORK"
. "$here/../lib/escrow.sh"
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

mkdir -p pay/evm
parties
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

payer_account "acct_$payer" USDC 6

agree translate --rail evm --asset USDC/6 --fund "acct_$payer=10000" --payee-account "acct_$(cat payee.address)" --fee "acct_$(cat fees.address)=250"
tollgate pay rail evm payment translate.json --data pay --key payer.eth
lock translate
again in_phase "$id" locked
expect "$(balance "$payer")" 10000 "the payer after the hold"
decide 8000
# Nothing is signed for the chain before the log has the order.
! tollgate pay rail evm sign "$id" --data pay --key v1.eth --expires "$later" 2>/dev/null
order
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
