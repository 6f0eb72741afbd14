#!/usr/bin/env python3
"""Turns the harness's JSON lines into the Markdown report of bars and absolute numbers.

  report.py RUN.jsonl --version TEXT [--start RUN_FOLDER --bin FOLDER] --out FILE.md

Of each target's rows in a scenario the one with the least CPU per request speaks for it (others were disturbed); a
ratio divides that by the floor's of the same session. RUN_FOLDER holds `tollgate` and `tollgate.yaml`: with it the time
from start to first answer and the memory of an idle process are measured too.
"""
import argparse, json, os, platform, signal, socket, subprocess, sys, time

# scenario, what is compared, floor, bar
RATIOS = [
    ("json-max", "sut_cpu_us_per_req", "floor-body", 1.5, "JSON pass-through, CPU"),
    ("json-r5000", "sut_cpu_us_per_req", "floor-body", 1.5, "JSON at 5,000 requests/s, CPU"),
    ("json-60k", "sut_cpu_us_per_req", "floor-body", 1.5, "60 KB prompt, CPU"),
    ("sse-max", "sut_cpu_us_per_req", "floor-co", 1.3, "SSE burst, CPU per stream"),
    ("sse-paced", "sut_cpu_us_per_req", "floor-co", 1.2, "paced SSE, CPU per stream"),
]
OURS = ["tollgate", "tollgate-auto"]
FORTY_MS = 35_000  # us: above it a latency belongs to the mode of delayed acknowledgements


def best(rows):
    out = {}
    for r in rows:
        if "rps" not in r:
            continue
        k = (r["target"], r["scenario"])
        key = lambda x: (x["sut_cpu_us_per_req"] or 0, x["p50_us"])
        if k not in out or key(r) < key(out[k]):
            out[k] = r
    return out


def latency(rows, target, scenario, field):
    """The least of a latency over the rounds: load from outside only ever adds."""
    seen = [r[field] for r in rows if r["target"] == target and r["scenario"] == scenario and field in r]
    return min(seen) if seen else None


def verdict(value, bar):
    return "holds" if value <= bar else "**missed**"


def bars(rows, rss_mb, start_s):
    b = best(rows)
    lines = ["| bar | floor | tollgate | measured | wanted | |", "|---|--:|--:|--:|--:|---|"]
    for scenario, field, floor, bar, what in RATIOS:
        for name in OURS:
            ours, theirs = b.get((name, scenario)), b.get((floor, scenario))
            if not ours or not theirs or not theirs[field]:
                continue
            ratio = ours[field] / theirs[field]
            label = what + (", model chosen by the policy" if name != "tollgate" else "")
            lines.append(f"| {label} ({floor}) | {theirs[field]:.1f} us | {ours[field]:.1f} us | {ratio:.2f} x | <= {bar} x | {verdict(ratio, bar)} |")
    for scenario, bar in (("json-r5000", 60),):
        ours, direct = (latency(rows, n, scenario, "p50_us") for n in ("tollgate", "direct"))
        floor = latency(rows, "floor-body", scenario, "p50_us")
        if ours is not None and direct is not None:
            base = f"{floor - direct} us" if floor is not None else ""
            lines.append(f"| added p50 at 5,000 requests/s (floor-body's own in the first column) | {base} | {ours} us | {ours - direct} us | <= {bar} us | {verdict(ours - direct, bar)} |")
    tail = latency(rows, "tollgate", "sse-r100", "p99_us")
    if tail is not None:
        floor = latency(rows, "floor-co", "sse-r100", "p99_us")
        lines.append(f"| SSE p99 at 100 streams/s: no 40 ms mode | {floor} us | {tail} us | {tail / 1000:.1f} ms | < {FORTY_MS / 1000:.0f} ms | {verdict(tail, FORTY_MS)} |")
    if rss_mb:
        lines.append(f"| memory, idle | | | {rss_mb:.1f} MB | <= 30 MB | {verdict(rss_mb, 30)} |")
    if start_s:
        lines.append(f"| start to first answer | | | {start_s:.3f} s | <= 0.3 s | {verdict(start_s, 0.3)} |")
    return lines


def absolute(rows):
    b = best(rows)
    names = list(dict.fromkeys(r["target"] for r in rows))
    lines = []
    for scenario in dict.fromkeys(r["scenario"] for r in rows):
        lines += ["", f"### {scenario}", "", "| target | per second | p50 us | p99 us | CPU us each | RSS MB | failed | other load |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
        for n in names:
            r = b.get((n, scenario))
            if r:
                lines.append(f"| {n} | {r['rps']:.0f} | {r['p50_us']} | {r['p99_us']} | {r['sut_cpu_us_per_req']:.1f} | {r['rss_mb']:.1f} | {r['bad_status'] + r['errors']} | {r['foreign_cpu']:.2f} |")
    return lines


def ask(port, body):
    with socket.create_connection(("127.0.0.1", port), 1) as s:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        s.sendall(head.encode() + body)
        return s.recv(64).startswith(b"HTTP/1.1 200")


def start(folder, bin):
    """Seconds from spawning to the first answer, and resident memory after it, best of five."""
    body = b'{"model":"mock-model","messages":[{"role":"user","content":"hello"}]}'
    best_s, rss = None, None
    mock = subprocess.Popen([os.path.join(bin, "mock"), "--port", "9100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(5):
            t0 = time.monotonic()
            p = subprocess.Popen([os.path.join(folder, "tollgate"), "serve", os.path.join(folder, "tollgate.yaml"), "--quiet"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while time.monotonic() - t0 < 10:
                    try:
                        if ask(9320, body):
                            took = time.monotonic() - t0
                            best_s = took if best_s is None else min(best_s, took)
                            break
                    except OSError:
                        pass
                    time.sleep(0.002)
                time.sleep(0.5)
                kb = next(int(l.split()[1]) for l in open(f"/proc/{p.pid}/status") if l.startswith("VmRSS"))
                rss = kb / 1024 if rss is None else min(rss, kb / 1024)
            finally:
                p.send_signal(signal.SIGTERM)
                p.wait(20)
    finally:
        mock.terminate()
        mock.wait()
    return best_s, rss


def machine():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {cpu}, Linux {platform.release().split('-')[0]}"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("jsonl")
    ap.add_argument("--version", default="")
    ap.add_argument("--start")
    ap.add_argument("--bin")
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    rows = [json.loads(l) for l in open(a.jsonl)]
    start_s, rss = start(a.start, a.bin) if a.start and a.bin else (None, None)
    load = [r["foreign_cpu"] for r in rows if "foreign_cpu" in r]
    text = [
        "# What the gateway costs", "",
        f"{a.version}, {time.strftime('%Y-%m-%d')}, {machine()}. Gateway and floors on one core, mock upstream and load on the other.",
        f"Other programs used {min(load):.0%} to {max(load):.0%} of the machine meanwhile, so only ratios of this one session mean anything.", "",
        "Made by `bench/gateway.sh`; configuration and policy are in `crates/tollgate/src/bench/`. Floors are pass-through proxies that do nothing else:",
        "`floor-body` is hyper with the request read whole, `floor-co` drives the upstream connection in the request's task and",
        "gathers stream writes, `floor-http` is hyper streaming both ways. Tollgate had its signals, metrics, log, budgets and",
        "decision store (SQLite on disk) on. CPU is of the whole process, the store's thread included. At full speed the floor serves",
        "more requests a second than Tollgate, and a request costs the less the more come at once: of equal work tells the row at 5,000/s.", "",
        "## Bars", "", *bars(rows, rss, start_s), "", "## Numbers", *absolute(rows), "",
    ]
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    open(a.out, "w").write("\n".join(text))
    print("\n".join(text[10:]))


if __name__ == "__main__":
    sys.exit(main())
