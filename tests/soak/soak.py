"""The soak: finds how much this machine can do, offers half of that for a while, and watches resident memory.

Two processes of the binary: `sim` as the upstream and `serve` with two pools of it. What is watched is `serve` alone.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter

CALLERS = 24
"""Connections that ask at once."""
PROBE_S = 5
"""Seconds of asking as fast as possible, from which half load follows."""
SESSIONS = 2000
"""Conversations that take turns."""
LOOK_S = 1.0
"""Seconds between two looks at memory."""
SLOPE_MAX_KIB_PER_MIN = 1024
"""More than this, over the second half, is a leak."""

CONFIG = """
data: {data}
policy: {policy}
providers: [{{name: sim, kind: tollgate_sim}}, {{name: chat, kind: openai_compatible}}]
models:
  - {{name: sim-small, price: {{input: "0.1", output: "0.4"}}}}
  - {{name: sim-large, price: {{input: "1", output: "4"}}}}
pools:
  - name: short
    max_total_tokens: 4000
    instances: [{{name: a, provider: sim, url: "http://{sim}", models: {{sim-small: s, sim-large: l}}}}]
  - name: long
    placement: prefix_affinity
    instances: [{{name: b, provider: chat, url: "http://{sim}", models: {{sim-small: s, sim-large: l}}}}]
budgets: [{{name: all, scope: global, window: total, tokens: 1000000000000}}]
timeouts: {{idle_ms: 10000, first_content_ms: 60000, total_ms: 120000}}
retry: {{budget_percent: 50, floor_per_second: 100}}
log: {{level: error, decisions: 20000}}
"""
POLICY = """policy "soak"
signal code = keyword any ["rust", "python", "traceback"]
route long { when total_tokens > 4_000 models { "sim-large" } pool "long" }
route coding { when code models { "sim-large", "sim-small" } }
default { models { "sim-small", "sim-large" } }
"""
FAULTS = ["stall=4:5,cut=6", "status=503", "error_event=6", "bad_json", "close", "status=400"]
"""One request in fifty asks the upstream for one of these."""
STALL = "stall=5:15000"
"""Longer than the gateway waits inside a stream, by seconds, which nothing healthy does however busy the machine is. One in
fifty of the faults is this: it keeps its caller for all that time."""


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def question(dice, n):
    """Path, headers, body, whether it streams, and what is special about it."""
    words = " ".join(dice.choice(["toll", "gate", "rust", "route", "bridge", "lima", "tokens"]) for _ in range(dice.choice([5, 30, 200])))
    if dice.random() < 0.02:
        words = "a long document " * 1500
    stream = dice.random() < 0.6
    user = [{"role": "user", "content": f"{n} {words}"}]
    path, body = dice.choice([
        ("/v1/chat/completions", {"model": "auto", "messages": user}),
        ("/v1/chat/completions", {"model": "auto", "messages": user, "stream_options": {"include_usage": True}} if stream else {"model": "sim-large", "messages": user}),
        ("/v1/messages", {"model": "auto", "max_tokens": 64, "messages": user}),
        ("/v1/responses", {"model": "auto", "input": words, "store": dice.random() < 0.5}),
    ])
    if stream:
        body["stream"] = True
    special = ""
    headers = ""
    if dice.random() < 0.02:
        special = STALL if dice.random() < 0.02 else dice.choice(FAULTS)
        headers = f"x-sim-fault: {special}\r\n"
    elif dice.random() < 0.02:
        special = "leave"
    elif dice.random() < 0.01:
        special = "malformed"
    # The table of sessions holds 100,000; with this many it is full early, so that what still grows is a leak.
    headers += f"x-session-id: s{dice.randrange(SESSIONS)}\r\n"
    text = json.dumps(body)
    if special == "malformed":
        text = text[: dice.randrange(len(text))]
    return path, headers, text.encode(), stream, special


async def ask(reader, writer, path, headers, body, special):
    """Sends one request; gives status and body, or None when it left."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    status = int(lines[0].split()[1])
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    if special == "leave":
        return None, b"", True
    if "content-length" in fields:
        got = await reader.readexactly(int(fields["content-length"]))
    else:
        got = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            got += (await reader.readexactly(size + 2))[:-2]
            if size == 0:
                break
    return status, got, fields.get("connection") == "close"


def wrong(status, body, stream, path, special):
    """What is wrong with an answer, or nothing."""
    if special == "malformed":
        return None if status == 400 else f"malformed got {status}"
    if special:
        # Any end is fine that says what it is.
        return None if body else f"{special}: no word"
    if status != 200:
        return f"{status}: {body[:200]!r}"
    end = {"/v1/chat/completions": b"[DONE]", "/v1/messages": b"message_stop", "/v1/responses": b"response.completed"}[path]
    if stream and end not in body:
        return f"a stream without its end: {body[-200:]!r}"
    return None


class Soak:
    """One run: who asks, how fast, and what came of it."""

    def __init__(self, address, seed):
        self.address, self.seed = address, seed
        self.done, self.bad, self.kinds = 0, [], Counter()
        self.rate, self.until = None, 0.0
        self.next_at = 0.0

    async def turn(self):
        """Waits for the next turn at the offered rate."""
        if self.rate is None:
            return
        now = time.monotonic()
        at = max(self.next_at, now - 0.5)
        self.next_at = at + 1 / self.rate
        if at > now:
            await asyncio.sleep(at - now)

    async def caller(self, number):
        """One caller: asks until the time is over."""
        dice = random.Random(self.seed * 1000 + number)
        reader = writer = None
        while time.monotonic() < self.until:
            await self.turn()
            path, headers, body, stream, special = question(dice, self.done)
            if writer is None:
                reader, writer = await asyncio.open_connection(*self.address, limit=1 << 20)
            try:
                status, got, close = await asyncio.wait_for(ask(reader, writer, path, headers, body, special), 150)
                problem = None if status is None else wrong(status, got, stream, path, special)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                problem, close = f"{special or 'plain'}: {error!r}", True
            self.done += 1
            self.kinds[special or ("stream" if stream else "whole")] += 1
            if problem:
                self.bad.append(problem)
            if close:
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def run(self, seconds, rate):
        """Asks for so long; gives requests per second."""
        before, start = self.done, time.monotonic()
        self.rate, self.until, self.next_at = rate, start + seconds, start
        await asyncio.gather(*(self.caller(i) for i in range(CALLERS)))
        return (self.done - before) / (time.monotonic() - start)


async def watch(pid, start, rows, soak):
    """Notes resident memory and progress, second by second."""
    while True:
        rows.append((time.monotonic() - start, resident_kib(pid), soak.done))
        await asyncio.sleep(LOOK_S)


def slope(rows):
    """KiB per minute: the least-squares line through memory over time."""
    n = len(rows)
    if n < 2:
        return 0.0
    mean_t = sum(r[0] for r in rows) / n
    mean_m = sum(r[1] for r in rows) / n
    across = sum((r[0] - mean_t) * (r[1] - mean_m) for r in rows)
    along = sum((r[0] - mean_t) ** 2 for r in rows)
    return 60 * across / along if along else 0.0


async def get(address, path):
    """One GET on a connection of its own."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
    got = await reader.read()
    writer.close()
    return got.split(b"\r\n\r\n", 1)[1].decode()


async def ready(address, process, seconds=60):
    """Waits until a server accepts."""
    for _ in range(seconds * 20):
        if process.poll() is not None:
            sys.exit(f"a server ended with {process.returncode}")
        try:
            _, writer = await asyncio.open_connection(*address)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    sys.exit("a server never listened")


async def drive(address, pid, minutes):
    """Probe, soak, and the last look."""
    start = time.monotonic()
    soak, rows = Soak(address, 1), []
    watching = asyncio.create_task(watch(pid, start, rows, soak))
    most = await soak.run(PROBE_S, None)
    print(f"as fast as possible: {most:.0f} requests/s with {CALLERS} callers; half of it from here", flush=True)
    probed = soak.done
    soak.kinds.clear()
    rate = await soak.run(minutes * 60, most / 2)
    watching.cancel()
    await asyncio.sleep(2)
    pools = json.loads(await get(address, "/api/v1/pools"))
    left = sum(i["in_flight"] for p in pools["pools"] for i in p["instances"])
    return {
        "rate": rate, "most": most, "done": soak.done - probed, "kinds": soak.kinds, "bad": soak.bad,
        "rows": [r for r in rows if r[0] >= PROBE_S], "left": left, "end_kib": resident_kib(pid),
    }


def report(found, minutes):
    """The report as Markdown."""
    rows = found["rows"]
    half = rows[len(rows) // 2 :]
    step = max(1, len(rows) // 20)
    lines = [
        "# Soak at half load",
        "",
        f"{minutes:g} minutes at {found['rate']:.0f} requests/s (half of the {found['most']:.0f} that {CALLERS} callers",
        f"reached on this machine of {os.cpu_count()} cores, callers, gateway and simulator together): {found['done']} requests",
        "in three dialects over two pools, whole and streamed, some with faults, some whose caller leaves, some malformed.",
        "",
        f"- Resident memory over the second half: {min(r[1] for r in half) / 1024:.1f} to {max(r[1] for r in half) / 1024:.1f} MiB,",
        f"  slope **{slope(half):+.1f} KiB per minute** (over everything {slope(rows):+.1f}).",
        f"- Answers that were not what was asked for: **{len(found['bad'])}**. Requests left in flight at the end: {found['left']}.",
        f"- Kinds: {', '.join(f'{k} {v}' for k, v in sorted(found['kinds'].items()))}.",
        "",
        "| second | requests | resident KiB |",
        "|---:|---:|---:|",
    ]
    lines += [f"| {r[0]:.0f} | {r[2]} | {r[1]} |" for r in rows[::step]]
    lines += ["", "Repeat with `tests/soak/run.sh --minutes 10 --report docs/reports/soak.md`.", ""]
    return "\n".join(lines)


def main():
    """Starts both servers, soaks, stops them, judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--report")
    args = parser.parse_args()
    binary = os.environ["TOLLGATE_BIN"]
    sim, gateway = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    with tempfile.TemporaryDirectory() as folder:
        policy, config = os.path.join(folder, "p.tollgate"), os.path.join(folder, "c.yaml")
        with open(policy, "w", encoding="utf-8") as out:
            out.write(POLICY)
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(data=folder, policy=policy, sim=f"{sim[0]}:{sim[1]}"))
        quiet = {"stdout": subprocess.DEVNULL}
        servers = [
            subprocess.Popen([binary, "sim", "--listen", f"{sim[0]}:{sim[1]}", "--any-model", "--speed", "0"], **quiet),
            subprocess.Popen([binary, "serve", config, "--listen", f"{gateway[0]}:{gateway[1]}"], **quiet),
        ]
        try:
            asyncio.run(ready(sim, servers[0]))
            asyncio.run(ready(gateway, servers[1]))
            found = asyncio.run(drive(gateway, servers[1].pid, args.minutes))
        finally:
            for server in reversed(servers):
                server.send_signal(signal.SIGTERM)
            ended = [server.wait(timeout=60) for server in reversed(servers)]
    text = report(found, args.minutes)
    print(text)
    if args.report:
        os.makedirs(os.path.dirname(os.path.abspath(args.report)), exist_ok=True)
        with open(args.report, "w", encoding="utf-8") as out:
            out.write(text)
    for problem, count in Counter(found["bad"]).most_common(30):
        print(f"{count} x {problem}", file=sys.stderr)
    half = found["rows"][len(found["rows"]) // 2 :]
    # A short run is all warming up: only the answers are judged then.
    climbs = args.minutes >= 5 and slope(half) > SLOPE_MAX_KIB_PER_MIN
    if found["bad"] or found["left"] or climbs or any(code not in (0, -signal.SIGTERM) for code in ended):
        sys.exit(f"the soak found something: {len(found['bad'])} bad, {found['left']} left, exits {ended}")


main()
