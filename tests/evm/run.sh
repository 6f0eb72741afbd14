#!/usr/bin/env bash
# Payments on EVM chains: our contracts under forge (fuzz and invariants), and the rail on a real node with the real code of USDC.
#
#   tests/evm/run.sh                   everything
#   tests/evm/run.sh contracts rail    some of: contracts, rail
#
# The tools are installed once, at pinned versions, in $EVM_CACHE: npm's anvil, forge, solc, and the artifacts of USDC. Where their
# registry cannot be reached this says so and ends with 0; everything else that fails is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suites=("$@")
[ $# -gt 0 ] || suites=(contracts rail)
cache=${EVM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate-evm}
mkdir -p "$cache"

skip() {
    printf '\n************************************************************\n'
    printf '** SKIPPED: %s: NOTHING WAS TESTED\n' "$1"
    printf '************************************************************\n'
    exit 0
}
wanted() { [[ " ${suites[*]} " == *" $1 "* ]]; }

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

if wanted rail; then
    printf '\n== rail, on a node\n'
    # The node ends when its input does. It finds its modules from where it lies.
    cp "$here"/*.mjs "$cache/"
    rm -f "$cache/in" "$cache/out"
    mkfifo "$cache/in" "$cache/out"
    node "$cache/chain.mjs" <"$cache/in" >"$cache/out" &
    exec {chain_in}>"$cache/in" {chain_out}<"$cache/out"
    trap 'exec {chain_in}>&-; wait' EXIT
    IFS= read -r TOLLGATE_EVM_NODE <&"$chain_out" || { echo "the node did not start" >&2; exit 1; }
    export TOLLGATE_EVM_NODE
    (cd "$root" && cargo test --quiet -p tollgate-evm --test it {chain_in}>&-)
fi
