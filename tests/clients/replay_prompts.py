"""2,000 real prompts and one agent session, sampled the same way every time.

A sample is spread evenly: the rows of a group in the order of a hash of their content, so that neither the order of the
files nor a random generator decides. Sets of attacks and hazards are not used.
"""

import gzip
import hashlib
import json
import os

# Prompt characters of the long documents, five of each: about 1,500 to 80,000 tokens.
LONG_CHARS = [6_000 * step for step in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 48, 52)]
# Tools offered to a metatool request.
OFFERED = 8
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}


class Ask:
    """One request: where it comes from and what it says, in no dialect."""

    def __init__(self, kind, category, ident, messages, tools=()):
        self.kind, self.category, self.ident = kind, category, ident
        self.messages, self.tools = messages, list(tools)


def user(text):
    return [{"role": "user", "content": text}]


class Missing(Exception):
    """A data set is not there."""


class Data:
    def __init__(self, folder):
        self.folder = folder

    def rows(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            raise Missing(path)
        with gzip.open(path, "rt") as lines:
            return [dict(json.loads(line), row=number) for number, line in enumerate(lines)]

    def json(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            raise Missing(path)
        with open(path) as file:
            return json.load(file)


def order(row):
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def spread(rows, key, count):
    """`count` rows, as evenly over the groups as their sizes allow."""
    groups = {}
    for row in sorted(rows, key=order):
        groups.setdefault(str(key(row)), []).append(row)
    taken = []
    while len(taken) < count and groups:
        for name in sorted(groups):
            if len(taken) < count:
                taken.append(groups[name].pop(0))
            if not groups[name]:
                del groups[name]
    return taken


def questions(data):
    for row in spread(data.rows("mmlu-pro-28/questions.jsonl.gz"), lambda r: r["category"], 560):
        options = "\n".join(f"{chr(65 + i)}. {text}" for i, text in enumerate(row["options"]))
        text = f"{row['question']}\n{options}\nThink step by step, then give the letter."
        # Half of them plain, as the instruction to think is itself something that a policy reads.
        plain = f"{row['question']}\n{options}"
        yield Ask("question", row["category"], f"mmlu-pro:{row['id']}", user(text if row["id"] % 2 else plain))


def facts(data):
    for row in spread(data.rows("hallucination/halueval_general.jsonl.gz"), lambda r: r["hallucination"], 240):
        yield Ask("instruction", "halueval", f"halueval:{row['ID']}", user(row["user_query"]))


def intents(data):
    for row in spread(data.rows("clinc150/rows.jsonl.gz"), lambda r: r["domain"], 300):
        yield Ask("intent", f"clinc {row['domain']}", f"clinc150:{row['row']}", user(row["text"]))
    for row in spread(data.rows("banking77/rows.jsonl.gz"), lambda r: r["intent"], 231):
        yield Ask("intent", "banking", f"banking77:{row['row']}", user(row["text"]))


def tool(name, description):
    plain = "".join(c if c.isalnum() or c in "_-" else "_" for c in name)[:64]
    return {"name": plain, "description": description, "parameters": SCHEMA}


def tool_requests(data):
    described = data.json("metatool/tools.json")
    names = sorted(described)
    for row in spread(data.rows("metatool/queries.jsonl.gz"), lambda r: r["tool"], 300):
        start = int(order(row), 16)
        others = [names[(start + 7 * i) % len(names)] for i in range(OFFERED - 1)]
        offered = sorted({row["tool"], *others} & set(names))
        tools = [tool(name, described[name]) for name in offered]
        yield Ask("tool request", "metatool", f"metatool:{row['row']}", user(row["query"]), tools)
    calls = [r for r in data.rows("bfcl/rows.jsonl.gz") if r["function"]]
    for row in spread(calls, lambda r: r["category"], 269):
        messages = [{"role": m["role"], "content": m["content"]} for m in row["question"][0]]
        seen = {f["name"]: tool(f["name"], f["description"]) for f in row["function"]}
        tools = {t["name"]: t for t in seen.values()}.values()
        yield Ask("tool request", f"bfcl {row['category']}", f"bfcl:{row['id']}", messages, tools)


def long_documents(data):
    texts = sorted({row["knowledge"] for row in data.rows("hallucination/begin.jsonl.gz")},
                   key=lambda text: hashlib.sha256(text.encode()).hexdigest())
    at = 0
    for number in range(100):
        target, parts, size = LONG_CHARS[number % len(LONG_CHARS)], [], 0
        while size < target:
            parts.append(texts[at % len(texts)])
            size += len(parts[-1])
            at += 1
        text = "\n\n".join(parts) + "\n\nSummarise the main points of these documents."
        bucket = "up to 30,000 characters" if target <= 30_000 else "up to 100,000" if target <= 100_000 else "above 100,000"
        yield Ask("long document", bucket, f"begin:{number}", user(text))


def two_thousand(data):
    """Every kind's requests, mixed as traffic would be."""
    asks = [a for part in (questions, facts, intents, tool_requests, long_documents) for a in part(data)]
    return sorted(asks, key=lambda a: hashlib.sha256(a.ident.encode()).hexdigest())


def session(data):
    """The longest trajectory as the requests that its agent must have made, each longer than the one before.

    The set keeps neither the system prompt nor the arguments of calls and cuts texts at 300 characters: a stand-in of
    the stated length takes the prompt's place and what was cut is filled with words, so that contexts grow as they did.
    """
    trajectories = data.rows("tau-airline-gpt4o/trajectories.jsonl.gz")
    turns = max(trajectories, key=lambda t: (len(t["turns"]), -t["row"]))["turns"]
    names = sorted({name for t in trajectories for turn in t["turns"] for name in turn["tools"]})
    tools = [tool(name, f"{name.replace('_', ' ')}.") for name in names]
    filler = "The airline's policy on bookings, changes, refunds and baggage applies here. "
    messages, asks, calls = [], [], []
    for number, turn in enumerate(turns):
        text = turn["text"]
        text += (filler * (turn["chars"] // len(filler) + 1))[: max(0, turn["chars"] - len(text))]
        if turn["role"] == "assistant":
            asks.append(Ask("agent session", f"turn {number}", f"tau:{number}", list(messages), tools))
            calls = [f"call_{number}_{i}" for i, _ in enumerate(turn["tools"])]
            made = [{"id": c, "name": n} for c, n in zip(calls, turn["tools"])]
            messages.append({"role": "assistant", "content": text, "calls": made})
        elif turn["role"] == "tool":
            messages.append({"role": "tool", "content": text, "id": calls.pop(0) if calls else f"call_{number}"})
        else:
            messages.append({"role": turn["role"], "content": text})
    return asks
