"""Prints what a test asks for, one JSON object: evidence that this client makes with a key of seven times 32 bytes."""

import json
import sys

import tollgate

key = tollgate.Key(bytes([7] * 32))
task = tollgate.Task.parse(sys.argv[1])
body, created = b'{"done":true}', int(sys.argv[2])
asked = {"method": "POST", "authority": "api.example", "path": "/v1/jobs", "query": "x=1"}
fields = tollgate.sign_answer(key, 200, body, task=task, created=created, **asked)
receipt = tollgate.usage(key, "m-1", b"{}", b"answer", 12, 40, task=task, request="req_1")
print(json.dumps({
    "id": key.id,
    "pem": key.pem,
    "exchange": tollgate.exchange(fields, 200, body, **asked),
    "receipt": receipt,
    "package": tollgate.canonical(tollgate.package([("dsse", receipt)])),
}))
