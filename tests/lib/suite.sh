# How every suite begins: where it lies, the binary that it tests, what it installs, and how it says that it skips. To be sourced by
# run.sh. `here` is the suite's folder and `root` the repository's; the parts that are wanted stand in `suites`.

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suites=()

# skip WHY: says so where nobody overlooks it, and ends well.
skip() {
    printf '\n************************************************************\n'
    printf '** SKIPPED: %s: %s: NOTHING WAS TESTED\n' "$(basename "$here")" "$1"
    printf '************************************************************\n'
    exit 0
}
# wanted PART: whether it was asked for.
wanted() { [[ " ${suites[*]} " == *" $1 "* ]]; }
# binary [--release]: the binary under test, from TOLLGATE_BIN or built.
binary() {
    if [ -z "${TOLLGATE_BIN:-}" ]; then
        (cd "$root" && cargo build --quiet --locked -p tollgate "$@")
        local kind=debug
        [ "${1:-}" != --release ] || kind=release
        TOLLGATE_BIN=${CARGO_TARGET_DIR:-$root/target}/$kind/tollgate
    fi
    TOLLGATE_BIN=$(realpath "$TOLLGATE_BIN")
    export TOLLGATE_BIN
}
# python_of CACHE WHAT: a Python in CACHE with what requirements.txt names, installed once; its path is in `python`.
python_of() {
    command -v python3 >/dev/null || skip "there is no python3"
    if ! cmp -s "$here/requirements.txt" "$1/requirements.txt"; then
        rm -rf "$1/venv" "$1/requirements.txt"
        python3 -m venv "$1/venv" || skip "python3 has no venv"
        "$1/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
            skip "$2 cannot be installed"
        cp "$here/requirements.txt" "$1/requirements.txt"
    fi
    python=$1/venv/bin/python
    export PYTHONDONTWRITEBYTECODE=1
}
