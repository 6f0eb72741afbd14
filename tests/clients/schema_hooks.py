"""Puts things that exist into half of schemathesis' requests."""

import json
import os
import urllib.request
import zlib

import schemathesis

URL = os.environ["TOLLGATE_URL"]
# Longest answer that is asked for: the document has no bound, and a simulated one of a billion words takes its time.
ANSWER_MAX = 256
MODELS = ["auto", "via-chat", "via-messages", "via-responses", "via-gemini", "embed"]


def post(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.headers.get("x-tollgate-request-id"), json.load(answer)


decision, response = post("/v1/responses", {"model": "via-chat", "input": "x"})
_, made = post("/api/v1/keys", {"name": "schema"})
KNOWN = {
    "/v1/responses/{id}": response["id"],
    "/v1/responses/{id}/input_items": response["id"],
    "/v1/models/{id}": "via-chat",
    "/api/v1/keys/{id}": made["key"]["id"],
    "/api/v1/keys/{id}/rotate": made["key"]["id"],
    "/api/v1/decisions/{id}": decision,
    "/api/v1/decisions/{id}/replay": decision,
}


def chance(value):
    """A number that only the value decides, so that a seed repeats a run."""
    return zlib.crc32(json.dumps(value, sort_keys=True, default=repr).encode())


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("model"), str):
        draw = chance(body)
        # A broken body stays as broken as it is; only its model exists.
        if draw % 4:
            body = dict(body, model=MODELS[draw // 4 % len(MODELS)])
    if isinstance(body, dict):
        limits = {name: body.get(name) for name in ("max_tokens", "max_output_tokens")}
        long = {name: ANSWER_MAX for name, most in limits.items() if isinstance(most, (int, float)) and most > ANSWER_MAX}
        body = dict(body, **long)
    if isinstance(body, dict) and isinstance(body.get("request_id"), str) and chance(body) % 2:
        body = dict(body, request_id=decision)
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    known = KNOWN.get(context.operation.path)
    # Deleting is left to chance: what is gone could not be asked for any more.
    if known and path_parameters and context.operation.method != "delete" and chance(path_parameters) % 2:
        return dict(path_parameters, id=known)
    return path_parameters
