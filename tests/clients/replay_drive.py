"""Sends requests in the three dialects and keeps what the gateway says about each: no text, only what happened."""

import http.client
import json
import queue
import threading
import time
import urllib.parse

DIALECTS = ("chat", "responses", "messages")
TIMEOUT_S = 300


def chat_body(ask):
    messages = []
    for m in ask.messages:
        if m["role"] == "tool":
            messages.append({"role": "tool", "tool_call_id": m["id"], "content": m["content"]})
        elif m.get("calls"):
            calls = [{"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": "{}"}}
                     for c in m["calls"]]
            messages.append({"role": "assistant", "content": m["content"] or None, "tool_calls": calls})
        else:
            messages.append({"role": m["role"], "content": m["content"]})
    body = {"messages": messages}
    if ask.tools:
        body["tools"] = [{"type": "function", "function": t} for t in ask.tools]
    return "/v1/chat/completions", body


def responses_body(ask):
    items = []
    for m in ask.messages:
        if m["role"] == "tool":
            items.append({"type": "function_call_output", "call_id": m["id"], "output": m["content"]})
            continue
        if m["content"]:
            items.append({"role": m["role"], "content": m["content"]})
        items += [{"type": "function_call", "call_id": c["id"], "name": c["name"], "arguments": "{}"}
                  for c in m.get("calls", [])]
    body = {"input": items}
    if ask.tools:
        body["tools"] = [{"type": "function", "strict": False, **t} for t in ask.tools]
    return "/v1/responses", body


def messages_body(ask):
    system = "\n".join(m["content"] for m in ask.messages if m["role"] == "system")
    turns = []
    for m in ask.messages:
        if m["role"] == "system":
            continue
        blocks = [{"type": "text", "text": m["content"]}] if m["content"] and m["role"] != "tool" else []
        blocks += [{"type": "tool_use", "id": c["id"], "name": c["name"], "input": {}} for c in m.get("calls", [])]
        role = m["role"]
        if role == "tool":
            role, blocks = "user", [{"type": "tool_result", "tool_use_id": m["id"], "content": m["content"]}]
        turns.append({"role": role, "content": blocks})
    body = {"messages": turns, "max_tokens": 1024}
    if system:
        body["system"] = system
    if ask.tools:
        body["tools"] = [{"name": t["name"], "description": t["description"], "input_schema": t["parameters"]}
                         for t in ask.tools]
    return "/v1/messages", body


BODIES = {"chat": chat_body, "responses": responses_body, "messages": messages_body}
ENDS = {"chat": b"data: [DONE]", "responses": b"event: response.completed", "messages": b"event: message_stop"}
LIMITS = {"chat": "max_completion_tokens", "responses": "max_output_tokens", "messages": "max_tokens"}


class Got:
    """What happened to one request."""

    def __init__(self, ask, dialect, stream):
        self.ask, self.dialect, self.stream = ask, dialect, stream
        self.status, self.headers, self.complete = 0, {}, False
        self.first_ms = self.total_ms = 0.0
        self.error = ""

    @property
    def id(self):
        return self.headers.get("x-tollgate-request-id", "")

    @property
    def good(self):
        return self.status == 200 and self.complete


def send(connection, ask, dialect, stream, limit):
    got = Got(ask, dialect, stream)
    path, body = BODIES[dialect](ask)
    body["model"] = "auto"
    if limit:
        # An answer cut by the limit ends a Responses stream as incomplete; that is an end too.
        body[LIMITS[dialect]] = limit
    if stream:
        body["stream"] = True
    begun = time.monotonic()
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        got.status = answer.status
        got.headers = {name.lower(): value for name, value in answer.getheaders()}
        first = answer.read1(65536)
        got.first_ms = (time.monotonic() - begun) * 1000
        text = first + answer.read()
        ends = (ENDS[dialect], b"event: response.incomplete")
        got.complete = any(end in text for end in ends) if stream else is_answer(dialect, text)
        if got.status != 200:
            got.error = text[:300].decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        got.error = repr(error)
        connection.close()
    got.total_ms = (time.monotonic() - begun) * 1000
    return got


def is_answer(dialect, text):
    try:
        body = json.loads(text)
    except ValueError:
        return False
    return bool({"chat": body.get("choices"), "responses": body.get("output"), "messages": body.get("content")}[dialect])


def run(url, asks, workers, limit=None, dialect=None):
    """Sends all of `asks` over `workers` connections; answers come in the order of `asks`."""
    address = urllib.parse.urlparse(url)
    waiting, results = queue.SimpleQueue(), [None] * len(asks)
    for item in enumerate(asks):
        waiting.put(item)

    def work():
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT_S)
        while True:
            try:
                number, ask = waiting.get_nowait()
            except queue.Empty:
                connection.close()
                return
            speaks = dialect or DIALECTS[number % len(DIALECTS)]
            results[number] = send(connection, ask, speaks, number // len(DIALECTS) % 2 == 0, limit)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
