"""From answers and decision records to Markdown: counts, ids and categories, never a prompt's text."""

import collections
import math
import re

PHASE = re.compile(r"([a-z]+);dur=([0-9.]+)")


def quantile(values, q):
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else float("nan")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])


def number(value, places=0):
    return f"{value:,.{places}f}" if not math.isnan(value) else "–"


def accounts(sent, rows, upstream):
    """What must hold for nothing to be lost, as (statement, expected, found)."""
    ids = collections.Counter(row["id"] for row in rows)
    asked = collections.Counter(got.id for got in sent)
    by_id = {row["id"]: row for row in rows}

    def agree(got):
        row = by_id.get(got.id, {})
        said = [got.headers.get(f"x-tollgate-{name}") for name in ("decision", "model", "pool", "instance")]
        return said == [row.get(name) for name in ("route", "model", "pool", "instance")]

    return [
        ("requests answered in full", len(sent), sum(got.good for got in sent)),
        ("distinct request ids", len(sent), len(set(asked) - {""})),
        ("decision records", len(sent), len(rows)),
        ("requests with exactly one record", len(sent), sum(ids[i] == 1 for i in asked)),
        ("records that no request caused", 0, len(set(ids) - set(asked))),
        ("records with status 200 and no fault", len(sent), sum(r["status"] == 200 and not r["fault"] for r in rows)),
        ("records that say what the answer's headers said", len(sent), sum(map(agree, sent))),
        ("records with exact token counts", len(sent), sum(r["decision"]["exact_usage"] for r in rows)),
        ("answers that the upstreams counted", sum(len(r["decision"]["attempts"]) for r in rows), upstream),
    ]


def where(sent):
    """Route x category."""
    routes = sorted({got.headers.get("x-tollgate-decision", "?") for got in sent})
    groups = collections.defaultdict(collections.Counter)
    for got in sent:
        groups[(got.ask.kind, got.ask.category)][got.headers.get("x-tollgate-decision", "?")] += 1
    rows = [(f"{kind}: {category}" if category != kind else kind, sum(counts.values()),
             *(counts[route] or "" for route in routes)) for (kind, category), counts in sorted(groups.items())]
    total = collections.Counter(got.headers.get("x-tollgate-decision", "?") for got in sent)
    rows.append(("**all**", len(sent), *(total[route] for route in routes)))
    return table(["category", "requests", *(f"`{r}`" for r in routes)], rows)


def why(rows):
    """Which signals held, and what was chosen for which reason, by route."""
    plain = lambda text: re.sub(r"\d[\d,.]*", "N", text)
    seen = collections.Counter()
    for row in rows:
        held = ", ".join(s["name"] for s in row["signals"] if s["matched"] and s["value"] is True) or "none"
        for attempt in row["decision"]["attempts"]:
            seen[(row["route"], held, row["model"], row["pool"], row["decision"]["models"], plain(attempt["reason"]))] += 1
    lines = [(f"`{route}`", held, model, pool, plain(models), reason, count)
             for (route, held, model, pool, models, reason), count in sorted(seen.items(), key=lambda i: (i[0][0], -i[1]))]
    return table(["route", "words that held", "model", "pool", "model because", "place because", "requests"], lines)


def phases(sent, rows):
    """Milliseconds by phase, whole and streamed apart."""
    names, spent = [], collections.defaultdict(list)
    for got in sent:
        total = 0.0
        for name, ms in PHASE.findall(got.headers.get("x-tollgate-overhead", "")):
            if name not in names:
                names.append(name)
            spent[name].append(float(ms))
            total += float(ms)
        spent["all until the first content"].append(total)
    lines = [(name, len(spent[name]), *(number(quantile(spent[name], q), 3) for q in (0.5, 0.9, 0.99)))
             for name in [*names, "all until the first content"]]
    whole = [row["overhead_us"] / 1000 for row in rows]
    lines.append(("all, with settlement (records)", len(whole), *(number(quantile(whole, q), 3) for q in (0.5, 0.9, 0.99))))
    return table(["phase", "requests", "p50 ms", "p90 ms", "p99 ms"], lines)


def by(rows, name, key):
    """Tokens, cost and times by group."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    lines = []
    for group, members in [*sorted(groups.items()), ("**all**", rows)]:
        total = lambda field: sum(row[field] or 0 for row in members)
        first = [row["ttft_us"] / 1000 for row in members if row["ttft_us"] is not None]
        whole = [row["total_us"] / 1000 for row in members]
        lines.append((group, len(members), number(total("prompt_tokens")), number(total("cached_tokens")),
                      number(total("completion_tokens")), f"{total('cost_micro') / 1e6:.4f}",
                      number(quantile(first, 0.5), 1), number(quantile(first, 0.99), 1),
                      number(quantile(whole, 0.5), 1), number(quantile(whole, 0.99), 1)))
    return table([name, "requests", "prompt tokens", "of them cached", "output tokens", "cost $",
                  "first content p50 ms", "p99", "total p50 ms", "p99"], lines)


def turns(sent, rows):
    """The agent session, request by request."""
    by_id = {row["id"]: row for row in rows}
    lines = []
    for count, got in enumerate(sent, 1):
        row = by_id[got.id]
        first = "–" if row["ttft_us"] is None else number(row["ttft_us"] / 1000, 1)
        lines.append((count, len(got.ask.messages), number(row["prompt_tokens"]), number(row["cached_tokens"]),
                      f"`{row['route']}`", row["model"], row["instance"], first))
    return table(["request", "messages", "prompt tokens", "of them cached", "route", "model", "instance",
                  "first content ms"], lines)
