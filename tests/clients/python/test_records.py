"""What the gateway writes down about the requests of these clients."""

import json
import os
import time
import urllib.error
import urllib.request

from conftest import URL, openai_client


def record(request_id):
    """The decision record, which is written a moment after the answer's last byte."""
    headers = {"authorization": f"Bearer {os.environ['TOLLGATE_ADMIN']}"}
    request = urllib.request.Request(f"{URL}/api/v1/decisions/{request_id}", headers=headers)
    for _ in range(1200):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            time.sleep(0.05)
    raise AssertionError(f"{request_id} was never written down")


def test_a_slow_stream_is_not_the_gateways_overhead(upstream):
    client = openai_client()
    ask = {"model": f"slow-{upstream}", "messages": [{"role": "user", "content": "x"}], "stream": True}
    with client.chat.completions.with_streaming_response.create(**ask) as answer:
        request_id = answer.headers["x-tollgate-request-id"]
        answer.read()
    row = record(request_id)
    assert row["total_us"] > 2_500_000, "the pause inside the stream"
    # On a machine that is slow the gateway may begin to wait late, though not by more than a second.
    assert row["overhead_us"] + 1_500_000 < row["total_us"] and row["ttft_us"] <= row["total_us"], row
