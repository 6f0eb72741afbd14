#!/usr/bin/env bash
# Folding beside polars and duckdb, in one run: CPU seconds and millions of events per second of CPU.
#
# usage: bench/risk-fold.sh BINARY [MILLIONS]     (needs python3 with polars and duckdb: pip install polars duckdb)
# All three read the same Parquet file (user, ts, merchant, amount_cents; ordered by time) with one thread. tollgate writes
# folded histories to disk; polars makes lists per user and merchant; duckdb sorts by user, merchant and time. Then tollgate
# folds once more in a tenth of the memory that the payments take, out of core.
set -euo pipefail
binary=$(realpath "$1"); millions=${2:-5}
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 - "$millions" <<'P'
import os, sys
import polars as pl
n = int(float(sys.argv[1]) * 1e6)
users = max(n // 500, 1)
# A user's merchants come from a few of her own, so groups have about nine payments.
row = pl.int_range(n, eager=True)
user = (row * 2654435761 % 4294967291 % users).alias("user")
slot = (row * 40503 % 65521 % 58).alias("slot")
frame = pl.DataFrame({"user": user, "slot": slot}).with_columns(
    ((pl.col("user") * 7919 + pl.col("slot") * 104729) % 20000).alias("merchant"),
    (row * (15552000 / n)).cast(pl.Int64).alias("ts"),
    (row * 48271 % 65537 + 1).alias("amount_cents"),
).select("user", "ts", "merchant", "amount_cents").cast({"user": pl.Int32, "ts": pl.Int32, "merchant": pl.Int32, "amount_cents": pl.Int32})
os.mkdir("data")
frame.write_parquet("data/events.parquet", compression="zstd", row_group_size=500_000)
print(f"{n} events, {users} users, {os.path.getsize('data/events.parquet') / 1e6:.0f} MB of Parquet")
P
# A process of its own: a child begins with the memory that its parent has.
python3 - "$binary" "$millions" <<'P'
import os, subprocess, sys
binary, n = sys.argv[1], int(float(sys.argv[2]) * 1e6)
os.environ["POLARS_MAX_THREADS"] = "1"
def cpu(name, command):
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(f"{name} failed")
    spent = used.ru_utime + used.ru_stime
    print(f"{name:28} {spent:8.2f} CPU s   {n / spent / 1e6:6.2f} M events/s/core   {used.ru_maxrss / 1024:6.0f} MB", flush=True)
    return spent
ours = cpu("tollgate risk fold", [binary, "risk", "fold", "--data", "data", "--out", "folded"])
lists = cpu("polars, lists", [sys.executable, "-c", "import polars as pl; pl.scan_parquet('data/events.parquet').group_by('user', 'merchant').agg(pl.col('ts'), pl.col('amount_cents')).collect()"])
sort = cpu("duckdb, sort", [sys.executable, "-c", "import duckdb; c = duckdb.connect(); c.execute('set threads=1'); c.execute(\"create table t as select * from 'data/events.parquet' order by user, merchant, ts\")"])
# A payment takes 112 bytes while its part is folded.
tenth = max(n * 112 // 10 >> 20, 1)
small = cpu(f"tollgate, {tenth} MiB given", [binary, "risk", "fold", "--data", "data", "--out", "folded-small", "--memory-mib", str(tenth)])
print(f"against polars lists {lists / ours:.2f} x, against duckdb sort {sort / ours:.2f} x; out of core takes {small / ours:.2f} x the CPU time")
P
