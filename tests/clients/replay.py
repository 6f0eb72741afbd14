"""The main job on real input: 2,000 prompts and one agent session through the running server, with a report.

    TOLLGATE_BIN=target/release/tollgate python3 tests/clients/replay.py --data DIR [--gguf FILE] [--report FILE]

DIR holds the labelled sets (mmlu-pro-28, clinc150, banking77, metatool, bfcl, hallucination, tau-airline-gpt4o). The
simulated pools are those of `tollgate serve` without a configuration. With a GGUF file (the binary then needs the
feature `gguf`) some of the prompts also go to a real small model. Fails when anything is lost. The report holds no text
of a prompt.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request

import replay_drive as drive
import replay_report as report
from replay_prompts import Data, Missing, session, two_thousand
from world import start, stop

WORKERS = 8
# Requests to the real model, and the longest answer that it may give.
REAL, REAL_TOKENS = 40, 32
# Longest prompt for the real model, in characters: it reads as slowly as it writes.
REAL_CHARS = 400
# Characters of a prompt that must not stand in any record.
SECRET = 40


def get(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        return json.load(answer)


def records(url, expected):
    """Every decision record in full; they are written a moment after the answers."""
    for _ in range(600):
        rows, before = [], ""
        while True:
            page = get(f"{url}/api/v1/decisions?limit=1000{before}")
            rows += page["rows"]
            if not page["next"]:
                break
            before = f"&before={page['next']}"
        if len(rows) >= expected:
            break
        time.sleep(0.1)
    return [get(f"{url}/api/v1/decisions/{row['id']}") for row in rows]


def upstream_answers(url):
    """Successful answers, as the instances behind the gateway counted them."""
    count = 0
    for instance in {i["url"] for pool in get(f"{url}/api/v1/pools")["pools"] for i in pool["instances"]}:
        with urllib.request.urlopen(f"{instance}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("vllm:request_success_total"):
                    count += float(line.rsplit(" ", 1)[1])
    return int(count)


def held(checks):
    lines = [(what, f"{want:,}", f"{found:,}", "yes" if want == found else "**NO**") for what, want, found in checks]
    return report.table(["what", "expected", "found", "holds"], lines), all(w == f for _, w, f in checks)


def checks(url, sent):
    """The records, and what must hold of them and of the answers."""
    rows = records(url, len(sent))
    found = report.accounts(sent, rows, upstream_answers(url))
    told = sum(group["requests"] for group in get(f"{url}/api/v1/summary?minutes=120")["all"])
    again = sum(get(f"{url}/api/v1/decisions/{row['id']}/replay", "POST")["same"] for row in rows)
    text = json.dumps(rows, ensure_ascii=False)
    secrets = {json.dumps(m["content"], ensure_ascii=False)[1:-1][:SECRET] for got in sent for m in got.ask.messages
               if m["role"] == "user" and len(m["content"]) >= SECRET}
    found += [
        ("requests in the summary", len(sent), told),
        ("decisions that come out the same when replayed", len(rows), again),
        (f"prompts of which {SECRET} characters stand in a record", 0, sum(secret in text for secret in secrets)),
    ]
    return rows, found


def simulated(data, folder):
    gateway, url = start(folder, "gateway", "serve", "--listen", "127.0.0.1:0",
                         "--data", os.path.join(folder, "data"))
    asks, talk = two_thousand(data), session(data)
    begun = time.monotonic()
    sent = drive.run(url, asks, WORKERS)
    seconds = time.monotonic() - begun
    # An agent waits for each answer before its next request.
    spoken = drive.run(url, talk, 1, dialect="chat")
    rows, found = checks(url, sent + spoken)
    found.append(("the server's exit status", 0, stop(gateway)))
    text, good = held(found)
    ids = {got.id for got in spoken}
    mine = [row for row in rows if row["id"] not in ids]
    kinds = {got.id: got.ask.kind for got in sent}
    pairs = lambda row: f"{row['dialect_in']}, {'streamed' if row['stream'] else 'whole'}"
    parts = [
        "## In front of the simulated pools\n",
        f"{len(sent):,} prompts over {WORKERS} connections in {seconds:.1f} s, the three dialects in turn, half of them "
        f"streamed, all with `model: auto`; then one agent session of {len(spoken)} requests, one after the other.\n",
        "### Nothing is lost\n", text,
        "\n### Where they went\n", report.where(sent),
        "\n### Why\n", report.why(mine),
        "\n### The gateway's own time\n", report.phases(sent, mine),
        "\n### Tokens, cost and time\n", report.by(mine, "kind of request", lambda row: kinds[row["id"]]), "",
        report.by(mine, "route", lambda row: f"`{row['route']}`"), "", report.by(mine, "dialect", pairs),
        "\n### The agent session\n",
        "Every request holds the whole conversation so far and 14 tools. The data set has no system prompt and cuts long "
        "texts, so filler of the stated length stands in their place.\n",
        report.turns(spoken, rows),
    ]
    return parts, good, [got for got in [*sent, *spoken] if not got.good]


def real(data, folder, gguf):
    plain = [a for a in two_thousand(data) if not a.tools and len(a.messages[0]["content"]) <= REAL_CHARS]
    upstream, there = start(folder, "real", "sim", "--gguf", gguf, "--model", "smollm2-135m", "--instance", "real",
                            "--listen", "127.0.0.1:0")
    names = {name: "smollm2-135m" for name in ("sim-small", "sim-medium", "sim-large")}
    config = {
        "providers": [{"name": "local", "kind": "tollgate_sim", "base_url": there}],
        "models": [{"name": name, "price": {"input": "0.1", "output": "0.4"}} for name in names],
        "pools": [{"name": pool, "instances": [{"name": f"{pool}-1", "provider": "local", "models": names}]}
                  for pool in ("short", "long")],
    }
    path = os.path.join(folder, "real.yaml")
    with open(path, "w") as file:
        json.dump(config, file)
    gateway, url = start(folder, "real-gateway", "serve", path, "--listen", "127.0.0.1:0", "--data", "memory")
    begun = time.monotonic()
    sent = drive.run(url, plain[:REAL], 2, limit=REAL_TOKENS)
    seconds = time.monotonic() - begun
    rows, found = checks(url, sent)
    found.append(("the server's exit status", 0, stop(gateway)))
    stop(upstream)
    text, good = held(found)
    kinds = {got.id: got.ask.kind for got in sent}
    tokens = sum(row["completion_tokens"] for row in rows)
    parts = [
        "\n## In front of a real small model\n",
        f"The first {len(sent)} of the same prompts without tools and below {REAL_CHARS:,} characters, at most "
        f"{REAL_TOKENS} tokens each, two at a time, to `{os.path.basename(gguf)}` on the CPU (all three model names of the "
        f"shipped policy lead to it): {seconds:.0f} s, {tokens / seconds:.1f} output tokens/s.\n",
        text, "\n### Where they went\n", report.where(sent),
        "\n### The gateway's own time\n", report.phases(sent, rows),
        "\n### Tokens, cost and time\n", report.by(rows, "kind of request", lambda row: kinds[row["id"]]),
    ]
    return parts, good, [got for got in sent if not got.good]


def head(arguments):
    version = subprocess.run([os.environ["TOLLGATE_BIN"], "--version"], capture_output=True, text=True, check=True)
    return [
        "# Replay of real prompts\n",
        f"Written by `tests/clients/replay.py` with {version.stdout.strip()} ({arguments.note}) on {os.cpu_count()} cores, "
        f"{platform.machine()}, server, upstreams and caller on the same machine. All requests are real HTTP over "
        "loopback; nothing is sampled at random. No text of a prompt stands here, nor in any decision record.\n",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--gguf")
    parser.add_argument("--report")
    parser.add_argument("--note", default="a build of the working tree")
    arguments = parser.parse_args()
    data = Data(arguments.data)
    try:
        two_thousand(data), session(data)
    except Missing as missing:
        print(f"** SKIPPED: {missing} is not there: NOTHING WAS REPLAYED **")
        return
    parts = head(arguments)
    with tempfile.TemporaryDirectory() as folder:
        body, good, bad = simulated(data, folder)
        parts += body
        if arguments.gguf:
            body, fine, worse = real(data, folder, arguments.gguf)
            parts, good, bad = parts + body, good and fine, bad + worse
        else:
            parts.append("\n## In front of a real small model\n\nNot run: no `--gguf` was given.")
    text = "\n".join(parts) + "\n"
    if arguments.report:
        with open(arguments.report, "w") as file:
            file.write(text)
    else:
        print(text)
    for got in bad[:10]:
        print(f"failed: {got.ask.ident} {got.dialect} stream={got.stream} {got.status} {got.error}", file=sys.stderr)
    if not good:
        sys.exit("something was lost; the report says what")


if __name__ == "__main__":
    main()
