"""Schemathesis over the running gateway's own document: whatever it sends, no answer is a 5xx.

Left to chance no request would name a model, key, response or decision that exists, so half of them get one that does
(`schema_hooks.py`). The live feed is left out, as it never ends.
"""

import os
import subprocess
import sys
import tempfile

EXAMPLES = "30"
SEED = "20261122"


def main():
    url = os.environ["TOLLGATE_URL"]
    here = os.path.dirname(os.path.abspath(__file__))
    command = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="schema_hooks", PYTHONPATH=here)
    # It leaves files of its own where it runs.
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(run(command, url, environment, scratch))


def run(command, url, environment, scratch):
    return subprocess.call([
        command, "run", f"{url}/openapi.json", "--url", url, "--checks", "not_a_server_error", "--seed", SEED,
        "--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing", "--exclude-path", "/api/v1/live",
        "--request-timeout", "60", "--generation-database", "none", "--no-color", "--workers", "1",
    ], env=environment, cwd=scratch)


if __name__ == "__main__":
    main()
