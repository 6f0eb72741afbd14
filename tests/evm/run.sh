#!/usr/bin/env bash
# Payments on EVM chains: our contracts under forge (fuzz and invariants), and the rail on a real node with the real code of USDC.
#
#   tests/evm/run.sh                   everything
#   tests/evm/run.sh contracts rail    some of: contracts, rail, task, x402, sale
#
# task: a whole task by the command line. sale: the official client buys answers of a model from the binary. x402: official clients (PyPI x402, npm @x402/*) pay through the facilitator of the binary in TOLLGATE_BIN (or a built one), and
# x402-conformance looks at it.
#
# The tools are installed once, at pinned versions, in $EVM_CACHE: npm's anvil, forge, solc, and the artifacts of USDC. Where their
# registry cannot be reached this says so and ends with 0; everything else that fails is a failure.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
suites=("$@")
[ $# -gt 0 ] || suites=(contracts rail task x402 sale)
cache=${EVM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate-evm}
mkdir -p "$cache"

[ "$(uname -sm)" = "Linux x86_64" ] || skip "the node's packages are for Linux on x86_64"
command -v npm >/dev/null || skip "there is no npm"
if ! cmp -s "$here/package.json" "$cache/package.json"; then
    rm -rf "$cache/node_modules" "$cache/package.json"
    mkdir -p "$cache/new" && cp "$here/package.json" "$cache/new/"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cache/new" || skip "the tools cannot be installed"
    rm -rf "$cache/node_modules" && mv "$cache/new/node_modules" "$cache/"
    cp "$here/package.json" "$cache/package.json"
fi
export SOLC=$cache/node_modules/solc

if wanted contracts; then
    printf '\n== contracts\n'
    (cd "$root/crates/evm/contracts" && node build.mjs --check &&
        nice -n 5 "$cache/node_modules/@foundry-rs/forge-linux-amd64/bin/forge" test)
fi

if wanted rail || wanted task || wanted x402 || wanted sale; then
    cp "$here"/*.mjs "$cache/"
    work=$(mktemp -d)
    servers=()
fi

# stop: ends the node, which ends when its input does, and what asks it.
stop() {
    for one in "${servers[@]}"; do kill "$one" 2>/dev/null || true; done
    servers=()
    [ -z "${chain_in:-}" ] || exec {chain_in}>&- {chain_out}<&-
    chain_in=
    wait
}
# chain: a fresh node, since each part moves its time and says when it makes blocks; it finds its modules from where it lies.
chain() {
    stop
    trap 'stop; rm -rf "$work"' EXIT
    rm -f "$work/in" "$work/out"
    mkfifo "$work/in" "$work/out"
    node "$cache/chain.mjs" <"$work/in" >"$work/out" &
    exec {chain_in}>"$work/in" {chain_out}<"$work/out"
    IFS= read -r TOLLGATE_EVM_NODE <&"$chain_out" || { echo "the node did not start" >&2; exit 1; }
    export TOLLGATE_EVM_NODE
}

if wanted rail; then
    printf '\n== rail, on a node\n'
    chain
    (cd "$root" && cargo test --quiet -p tollgate-evm --test it {chain_in}>&-)
fi

# server NAME WAIT_MS: a gateway with a facilitator of its own; its URL is in $url. $more is more of its configuration: lines of
# `x402`, then what follows it.
more=
rest="providers: [{name: none, kind: tollgate_sim, base_url: 'http://127.0.0.1:9'}]
models: [{name: none, provider: none}]"
server() {
    local line out
    (cd "$cache" && node -e 'import("viem/accounts").then(({generatePrivateKey: make, privateKeyToAccount: of}) => { const key = make(); console.log(key, of(key).address); })') >"$work/$1.account"
    cut -d' ' -f1 "$work/$1.account" >"$work/$1.key"
    local rich='{"jsonrpc":"2.0","id":1,"method":"anvil_setBalance","params":["'$(cut -d' ' -f2 "$work/$1.account")'","0x8ac7230489e80000"]}'
    curl -sS --fail -H 'content-type: application/json' -d "$rich" "$TOLLGATE_EVM_NODE" >/dev/null
    cat >"$work/$1.yaml" <<END
x402:
  data: $work/$1.x402
  network: eip155:84532
  node: file:$work/node.url
  key: file:$work/$1.key
  wait_ms: $2
  tokens: [{address: '0x036CbD53842c5426634e7929541eC2318f3dCF7e', name: USDC, version: '2'}]
$more
policy: $work/$1.tollgate
$rest
END
    [ -e "$work/$1.tollgate" ] || printf 'policy "none"\ndefault { models { "none" } }\n' >"$work/$1.tollgate"
    mkfifo "$work/$1.out"
    "$TOLLGATE_BIN" serve "$work/$1.yaml" --listen 127.0.0.1:0 --data memory >"$work/$1.out" 2>"$work/$1.err" {chain_in}>&- &
    servers+=($!)
    exec {out}<"$work/$1.out"
    url=
    while [ -z "$url" ]; do
        IFS= read -r line <&"$out" || { cat "$work/$1.err" >&2; exit 1; }
        url=$(grep -o 'http://[0-9.:]*' <<<"$line" | head -1 || true)
    done
    cat <&"$out" >/dev/null &
    exec {out}<&-
    url=$url/x402
}

if wanted task; then
    printf '\n== a task, paid on the chain\n'
    # The build holds nothing open that the node waits for.
    binary
    chain
    mkdir "$work/task"
    WORK=$work/task "$here/task.sh" {chain_in}>&-
fi

if wanted x402; then
    printf '\n== x402, official clients\n'
    python_of "$cache" "the official clients"
    binary
    chain
    printf '%s' "$TOLLGATE_EVM_NODE" >"$work/node.url"
    server patient 120000
    FACILITATOR=$url
    server hasty 0
    export FACILITATOR HASTY=$url
    "$python" "$here/pay.py"
    # A seller of one resource, which is the example of the crate.
    (cd "$root" && cargo build --quiet -p tollgate-evm --example sell {chain_in}>&-)
    seller=$("$python" -c 'from eth_account import Account; print(Account.create().address)')
    mkfifo "$work/sell.out"
    "${CARGO_TARGET_DIR:-$root/target}/debug/examples/sell" "$FACILITATOR" "$seller" >"$work/sell.out" {chain_in}>&- &
    servers+=($!)
    IFS= read -r RESOURCE <"$work/sell.out" || { echo "the seller did not start" >&2; exit 1; }
    RESOURCE=$RESOURCE SELLER=$seller "$python" "$here/buy.py"
    node "$cache/pay.mjs"
    "$cache/venv/bin/x402conf" live "$FACILITATOR" --fail-on-error >"$work/conformance.json" || { cat "$work/conformance.json" >&2; exit 1; }
    echo "x402-conformance: $(grep -c '"pass": true' "$work/conformance.json") checks passed"
fi

if wanted sale; then
    printf '\n== a model, sold to the official client\n'
    chain
    binary
    printf '%s' "$TOLLGATE_EVM_NODE" >"$work/node.url"
    read -r escrow collector < <(node "$cache/sell.mjs" deploy "$root/crates/evm/contracts/artifacts.json")
    SELLER=$(cd "$cache" && node -e 'import("viem/accounts").then(({generatePrivateKey: make, privateKeyToAccount: of}) => console.log(of(make()).address))')
    mkfifo "$work/sim.out"
    "$TOLLGATE_BIN" sim --listen 127.0.0.1:0 --speed 0 --any-model >"$work/sim.out" 2>"$work/sim.err" {chain_in}>&- &
    servers+=($!)
    exec {out}<"$work/sim.out"
    upstream=
    while [ -z "$upstream" ]; do
        IFS= read -r line <&"$out" || { cat "$work/sim.err" >&2; exit 1; }
        upstream=$(grep -o 'http://[0-9.:]*' <<<"$line" | head -1 || true)
    done
    cat <&"$out" >/dev/null &
    exec {out}<&-
    more="  sale: {pay_to: '$SELLER', escrow: '$escrow', collector: '$collector'}"
    rest="providers: [{name: sim, kind: tollgate_sim, base_url: '$upstream'}]
models: [{name: sold, provider: sim, sold: true, price: {input: '100', output: '400'}}]"
    printf 'policy "sold"\ndefault { models { "sold" } }\n' >"$work/shop.tollgate"
    server shop 60000
    SHOP=${url%/x402} SELLER=$SELLER node "$cache/sell.mjs" buy
fi
