# What suites share that may skip what this machine cannot do. Called by run.sh, with the parts that are wanted in `suites`.

# skip WHY: says so where nobody overlooks it, and ends well.
skip() {
    printf '\n************************************************************\n'
    printf '** SKIPPED: %s: NOTHING WAS TESTED\n' "$1"
    printf '************************************************************\n'
    exit 0
}
# wanted PART: whether it was asked for.
wanted() { [[ " ${suites[*]} " == *" $1 "* ]]; }
