"""Scores on Spark what `tollgate risk score` scores on one machine: the same files, the same model, the same scores.

usage: spark-submit risk_spark.py DATA MODEL OUT [SLICES]      (pyspark, pandas, pyarrow; `tollgate` on the path of each worker)

DATA has events.csv (user, ts, merchant, amount_cents), merchants.csv and mapping.yaml, as `tollgate risk generate` writes
them, on storage that every worker sees, as MODEL is. A score rests on its own user's payments only, so users are dealt out to
slices, and each slice is a folder that `tollgate risk score` reads. Two things must hold: the mapping declares `window.end` or a
cut-off for each user, and the model was trained with `keys.users_min` 1, for both otherwise depend on all payments.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import pandas
from pyspark.sql import SparkSession, functions

data, model, out = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
slices = int(sys.argv[4]) if len(sys.argv) > 4 else 8
mapping = [line for line in (data / "mapping.yaml").read_text().splitlines() if not line.startswith("users:")]
mapping = "\n".join(mapping).replace("events.csv", "events.parquet")


def score(payments: pandas.DataFrame) -> pandas.DataFrame:
    """One slice: its payments in the order of the file, so that payments of one moment keep theirs."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        payments.sort_values("row").drop(columns=["row", "slice"]).to_parquet(folder / "events.parquet", index=False)
        shutil.copy(data / "merchants.csv", folder)
        (folder / "mapping.yaml").write_text(mapping)
        command = ["tollgate", "risk", "score", "--model", model, "--data", folder, "--out", folder / "scores.csv", "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return pandas.read_csv(folder / "scores.csv", dtype=str)


spark = SparkSession.builder.appName("tollgate risk").getOrCreate()
events = spark.read.csv(str(data / "events.csv"), header=True, inferSchema=True)
events = events.withColumn("row", functions.monotonically_increasing_id())
events = events.withColumn("slice", functions.abs(functions.hash("user")) % slices)
scores = events.groupBy("slice").applyInPandas(score, "user string, probability string, points string")
scores.write.mode("overwrite").csv(str(out), header=True)
