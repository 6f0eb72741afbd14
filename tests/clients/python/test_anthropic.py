"""The anthropic package on /v1/messages, over upstreams of every dialect."""

import anthropic
import pytest
from conftest import anthropic_client

WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def ask(model, text, **more):
    return {"model": model, "max_tokens": 200, "messages": [{"role": "user", "content": text}], **more}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def test_plain(ant, upstream):
    answer = ant.messages.create(**ask(f"via-{upstream}", "What is the capital of Peru?"))
    assert "capital of Peru" in text_of(answer)
    assert (answer.stop_reason, answer.role, answer.type) == ("end_turn", "assistant", "message")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def test_system(ant, upstream):
    without = ant.messages.create(**ask(f"via-{upstream}", "Hello"))
    blocks = [{"type": "text", "text": "You speak like a pirate.", "cache_control": {"type": "ephemeral"}}]
    for system in ("You speak like a pirate.", blocks):
        answer = ant.messages.create(**ask(f"via-{upstream}", "Hello", system=system))
        assert answer.usage.input_tokens > without.usage.input_tokens


def test_stream_says_what_the_whole_answer_says(ant, upstream):
    whole = ant.messages.create(**ask(f"via-{upstream}", "Seventeen plus four?"))
    with ant.messages.stream(**ask(f"via-{upstream}", "Seventeen plus four?")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == text_of(whole) == text_of(final)
    assert len(pieces) > 3, "it comes in pieces"
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_raw_events_are_in_order(ant, upstream):
    kinds = [event.type for event in ant.messages.create(**ask(f"via-{upstream}", "Hello"), stream=True)]
    kinds = [kind for kind in kinds if kind != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_tool_calls_and_their_results(ant, upstream):
    text = 'call get_weather with {"city": "Paris"} and call get_weather with {"city": "Rome"}'
    first = ask(f"via-{upstream}", text, tools=[WEATHER])
    answer = ant.messages.create(**first)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert [call.input for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls]
    first["messages"] += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    assert text_of(ant.messages.create(**first))


def test_streamed_tool_call(ant, upstream):
    first = ask(f"via-{upstream}", 'call get_weather with {"city": "Paris"}', tools=[WEATHER])
    with ant.messages.stream(**first) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_message()
    (call,) = [block for block in final.content if block.type == "tool_use"]
    assert call.input == {"city": "Paris"} and "input_json" in kinds


def test_forced_tool(ant, upstream):
    for choice in ({"type": "any"}, {"type": "tool", "name": "get_weather"}):
        answer = ant.messages.create(**ask(f"via-{upstream}", "Hi", tools=[WEATHER], tool_choice=choice))
        assert [block.name for block in answer.content if block.type == "tool_use"] == ["get_weather"]


def test_an_image(ant, upstream):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]
    answer = ant.messages.create(**ask(f"via-{upstream}", parts))
    without = ant.messages.create(**ask(f"via-{upstream}", "What is this?"))
    assert answer.usage.input_tokens > without.usage.input_tokens, "the image got there"


def test_thinking(ant, upstream):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    more = ask(f"think-{upstream}", "Why is the sky blue?", thinking=thinking) | {"max_tokens": 2000}
    answer = ant.messages.create(**more)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    with ant.messages.stream(**more) as stream:
        final = stream.get_final_message()
    assert final.content[0].thinking == answer.content[0].thinking != ""


def test_count_tokens(ant, upstream):
    short = ant.messages.count_tokens(model=f"via-{upstream}", messages=[{"role": "user", "content": "one"}])
    long = ant.messages.count_tokens(model=f"via-{upstream}", system="Some words before it.", tools=[WEATHER],
                                     messages=[{"role": "user", "content": "one two three"}])
    assert 0 < short.input_tokens < long.input_tokens


def test_the_token_limit_is_named(ant, upstream):
    answer = ant.messages.create(**(ask(f"via-{upstream}", "Tell me a story") | {"max_tokens": 5}))
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 5


@pytest.mark.parametrize("name, kind", [
    ("bad", anthropic.BadRequestError), ("limited", anthropic.RateLimitError), ("down", anthropic.InternalServerError)])
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_errors_have_their_class(ant, upstream, name, kind, stream):
    with pytest.raises(kind) as caught:
        ant.messages.create(**ask(f"{name}-{upstream}", "x"), stream=stream)
    assert caught.value.body["type"] == "error" and caught.value.body["error"]["message"]


@pytest.mark.parametrize("name", ["cut", "broken"])
def test_a_stream_that_breaks_says_so(ant, upstream, name):
    with pytest.raises(anthropic.APIError) as caught:
        list(ant.messages.create(**ask(f"{name}-{upstream}", "x"), stream=True))
    assert caught.value.message


def test_the_gateways_own_errors(ant):
    with pytest.raises(anthropic.NotFoundError) as unknown:
        ant.messages.create(**ask("no-such-model", "x"))
    assert unknown.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.BadRequestError):
        ant.messages.create(**(ask("via-chat", "x") | {"messages": 3}))
    with pytest.raises(anthropic.AuthenticationError):
        anthropic_client("tg-wrong").messages.create(**ask("via-chat", "x"))
