#!/usr/bin/env bash
# Real clients, unmodified, against the running binary: Python, Node, and the OpenAPI document under schemathesis.
#
#   tests/clients/run.sh                   builds the binary and runs everything
#   TOLLGATE_BIN=target/release/tollgate tests/clients/run.sh python node
#
# The clients are installed once, at pinned versions, in $CLIENTS_CACHE. Where their registries cannot be reached this
# says so and ends with 0; everything else that fails is a failure.
set -euo pipefail
. "$(dirname "$0")/../lib/suite.sh"
suites=("$@")
[ $# -gt 0 ] || suites=(python node api)
cache=${CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate-clients}
mkdir -p "$cache"

# Python is needed by every suite: it starts and stops the servers.
python_of "$cache" "the Python clients"
binary
failed=()

if wanted python; then
    printf '\n== Python clients\n'
    (cd "$here/python" && "$python" ../world.py --keys "$python" -m pytest -q -p no:cacheprovider --tb=short) ||
        failed+=(python)
fi

if wanted node; then
    printf '\n== Node clients\n'
    if ! command -v npm >/dev/null; then
        [ "${#suites[@]}" -gt 1 ] || skip "there is no npm"
        echo "** SKIPPED: there is no npm: THE NODE CLIENTS WERE NOT TESTED"
    elif ! cmp -s "$here/package.json" "$cache/node/package.json" && ! {
        rm -rf "$cache/node" && mkdir -p "$cache/node" && cp "$here/package.json" "$cache/node/" &&
            npm install --silent --no-audit --no-fund --prefix "$cache/node"
    }; then
        rm -rf "$cache/node"
        echo "** SKIPPED: the Node clients cannot be installed: THEY WERE NOT TESTED"
    else
        # Modules are looked for from where the tests lie.
        rm -rf "$cache/node/tests" && cp -r "$here/node" "$cache/node/tests"
        (cd "$cache/node" && "$python" "$here/world.py" --keys node --test tests/*.test.js) || failed+=(node)
    fi
fi

if wanted api; then
    printf '\n== The OpenAPI document under schemathesis\n'
    "$python" "$here/world.py" "$python" "$here/schema.py" || failed+=(api)
fi

[ ${#failed[@]} -eq 0 ] || { printf '\nfailed: %s\n' "${failed[*]}" >&2; exit 1; }
printf '\nall of these passed: %s\n' "${suites[*]}"
