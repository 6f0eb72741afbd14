"""A running gateway in front of a running simulator, for one command.

    python3 world.py [--keys] COMMAND...

Starts `tollgate sim` and `tollgate serve` on free ports, each dialect reached through a provider that speaks no other,
then runs COMMAND with TOLLGATE_URL, SIM_URL and, with --keys, TOLLGATE_KEY and LIMITED_KEY in its environment. Ends
with COMMAND's status. The binary is $TOLLGATE_BIN.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack

# One provider per dialect that an upstream may speak, and nothing else.
UPSTREAMS = {
    "chat": "openai_compatible",
    "messages": "anthropic",
    "responses": "openai_responses",
    "gemini": "gemini",
}
# Model name here -> the simulator's model, with what shall go wrong behind the `+`.
MODELS = {
    "via": "sim-small",
    "think": "sim-think",
    "bad": "sim-small+status=400",
    "limited": "sim-small+status=429:7",
    "down": "sim-small+status=503",
    # The pause lets what came before reach the caller first, on a slow machine too: a reset discards what nobody has read.
    "cut": "sim-small+stall=3:2000+cut=5",
    "slow": "sim-small+stall=3:2500",
    "broken": "sim-small+error_event=5",
}
# Seconds that a server may take to say where it listens.
START_S = 60


def config(sim_url, keys):
    """The configuration as JSON, which is YAML too."""
    models, providers, instances = [], [], []
    for upstream, kind in UPSTREAMS.items():
        providers.append({"name": upstream, "kind": kind, "base_url": sim_url})
        for prefix, there in MODELS.items():
            name = f"{prefix}-{upstream}"
            models.append({"name": name, "price": {"input": "0.5", "output": "2"}})
            # An instance of its own each: what fails on purpose must not take the others' circuit with it.
            instances.append({"name": name, "provider": upstream, "models": {name: there}})
    models.append({"name": "embed", "capabilities": ["embeddings"]})
    instances.append({"name": "embed", "provider": "chat", "models": {"embed": "sim-small"}})
    models.append({"name": "sim-small"})
    models.append({"name": "sim-medium"})
    models.append({"name": "sim-large"})
    direct = {name: "sim-small" for name in ("sim-small", "sim-medium", "sim-large")}
    providers.append({"name": "sim", "kind": "tollgate_sim", "base_url": sim_url})
    instances.append({"name": "direct", "provider": "sim", "models": direct})
    return {
        "auth": {"mode": "keys", "admin": "env:TOLLGATE_ADMIN"} if keys else {"mode": "open"},
        "providers": providers,
        "models": models,
        "pools": [{"name": "short", "instances": instances}, {"name": "long", "instances": [
            {"name": "direct-long", "provider": "sim", "models": direct}]}],
        "budgets": [{"name": "one-request", "scope": "key:limited", "window": "day", "requests": 1}],
        "retry": {"attempts": 1},
        "log": {"level": "warn"},
    }


def start(folder, name, *arguments):
    """Starts one of the binary's servers and gives the process and its URL."""
    out = open(os.path.join(folder, f"{name}.out"), "w+")
    process = subprocess.Popen([os.environ["TOLLGATE_BIN"], *arguments], stdout=out, stderr=out)
    for _ in range(START_S * 20):
        time.sleep(0.05)
        with open(out.name) as text:
            said = text.read()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        if found and said.endswith("\n"):
            return process, found.group(0)
        if process.poll() is not None:
            break
    process.kill()
    sys.exit(f"{name} did not start:\n{said}")


def key(url, name):
    """A new key's secret."""
    body = json.dumps({"name": name}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['TOLLGATE_ADMIN']}"}
    request = urllib.request.Request(f"{url}/api/v1/keys", body, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["secret"]


def stop(process):
    """Ends a server; one that does not end is a failure of its own."""
    process.terminate()
    try:
        return process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        return "does not stop"


def end(process):
    """Ends a server that may have ended already."""
    if process.poll() is None:
        stop(process)


def main(arguments):
    # Where callers need keys, who makes them needs a secret.
    os.environ.setdefault("TOLLGATE_ADMIN", secrets.token_hex(16))
    keys = arguments[:1] == ["--keys"]
    command = arguments[1:] if keys else arguments
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ending:
        sim, sim_url = start(folder, "sim", "sim", "--listen", "127.0.0.1:0", "--speed", "0",
                             "--model", "sim-small", "--model", "sim-think:reasoning")
        # Whatever goes wrong from here on, no server is left behind.
        ending.callback(end, sim)
        path = os.path.join(folder, "tollgate.yaml")
        with open(path, "w") as file:
            json.dump(config(sim_url, keys), file, indent=1)
        gateway, url = start(folder, "gateway", "serve", path, "--listen", "127.0.0.1:0", "--data", "memory")
        ending.callback(end, gateway)
        environment = dict(os.environ, TOLLGATE_URL=url, SIM_URL=sim_url)
        if keys:
            environment.update(TOLLGATE_KEY=key(url, "tests"), LIMITED_KEY=key(url, "limited"))
        status = subprocess.call(command, env=environment)
        died = gateway.poll()
        stopped = stop(gateway)
        if status or died is not None or stopped != 0:
            with open(os.path.join(folder, "gateway.out")) as log:
                sys.stderr.write(log.read()[-8000:])
    if died is not None:
        sys.exit(f"the gateway died with {died}")
    if stopped != 0:
        sys.exit(f"the gateway stopped with {stopped}")
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
