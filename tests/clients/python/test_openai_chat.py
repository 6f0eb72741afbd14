"""The openai package on /v1/chat/completions, /v1/embeddings and /v1/models, over upstreams of every dialect."""

import json

import openai
import pytest
from conftest import KEY, LIMITED_KEY, URL, openai_client
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def user(text):
    return [{"role": "user", "content": text}]


def test_plain(oai, upstream):
    answer = oai.chat.completions.create(model=f"via-{upstream}", messages=user("What is the capital of Peru?"))
    choice = answer.choices[0]
    assert "capital of Peru" in choice.message.content
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_says_what_the_whole_answer_says(oai, upstream):
    ask = {"model": f"via-{upstream}", "messages": user("Seventeen plus four?")}
    whole = oai.chat.completions.create(**ask)
    chunks = list(oai.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 3, "it comes in pieces"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({c.id for c in chunks}) == 1


def test_stream_without_usage_asked_for(oai, upstream):
    ask = {"model": f"via-{upstream}", "messages": user("Hello there"), "stream": True}
    assert all(c.usage is None and c.choices for c in oai.chat.completions.create(**ask))


def test_one_tool_call_and_its_result(oai, upstream):
    messages = user('call get_weather with {"city": "Paris"}')
    answer = oai.chat.completions.create(model=f"via-{upstream}", messages=messages, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    after = oai.chat.completions.create(model=f"via-{upstream}", messages=messages, tools=[WEATHER])
    assert after.choices[0].finish_reason == "stop" and after.choices[0].message.content


def test_parallel_tool_calls(oai, upstream):
    text = 'call get_weather with {"city": "Paris"} and call get_weather with {"city": "Rome"}'
    answer = oai.chat.completions.create(model=f"via-{upstream}", messages=user(text), tools=[WEATHER])
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "Rome"]
    assert len({c.id for c in calls}) == 2


def test_streamed_tool_calls(oai, upstream):
    text = 'call get_weather with {"city": "Paris"} and call get_weather with {"city": "Rome"}'
    ask = {"model": f"via-{upstream}", "messages": user(text), "tools": [WEATHER]}
    with oai.chat.completions.stream(**ask) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    calls = answer.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "Rome"]
    assert answer.choices[0].finish_reason == "tool_calls"


def test_forced_tool(oai, upstream):
    choice = {"type": "function", "function": {"name": "get_weather"}}
    ask = {"model": f"via-{upstream}", "messages": user("Good morning"), "tools": [WEATHER]}
    answer = oai.chat.completions.create(**ask, tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert not oai.chat.completions.create(**ask, tool_choice="none").choices[0].message.tool_calls


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


@pytest.mark.parametrize("upstream", ["chat", "responses", "gemini"])
def test_structured_output(oai, upstream):
    answer = oai.chat.completions.parse(
        model=f"via-{upstream}", messages=user("Invent a person"), response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_an_image(oai, upstream):
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    ask = {"model": f"via-{upstream}", "messages": [{"role": "user", "content": parts}]}
    answer = oai.chat.completions.create(**ask)
    without = oai.chat.completions.create(model=ask["model"], messages=user("What is this?"))
    assert answer.usage.prompt_tokens > without.usage.prompt_tokens, "the image got there"


@pytest.mark.parametrize("upstream", ["chat", "messages", "gemini", "responses"])
def test_reasoning(oai, upstream):
    ask = {"model": f"think-{upstream}", "messages": user("Why is the sky blue?"), "reasoning_effort": "high"}
    answer = oai.chat.completions.create(**ask)
    assert answer.choices[0].message.reasoning_content, "its thoughts come beside the text"
    chunks = list(oai.chat.completions.create(**ask, stream=True))
    thought = "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices)
    assert thought == answer.choices[0].message.reasoning_content


def test_the_token_limit_is_named(oai, upstream):
    answer = oai.chat.completions.create(
        model=f"via-{upstream}", messages=user("Tell me a story"), max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize("name, kind", [
    ("bad", openai.BadRequestError), ("limited", openai.RateLimitError), ("down", openai.InternalServerError)])
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_errors_have_their_class(oai, upstream, name, kind, stream):
    with pytest.raises(kind) as caught:
        oai.chat.completions.create(model=f"{name}-{upstream}", messages=user("x"), stream=stream)
    assert caught.value.body["message"]
    if name == "limited":
        assert int(caught.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", ["cut", "broken"])
def test_a_stream_that_breaks_says_so(oai, upstream, name):
    stream = oai.chat.completions.create(model=f"{name}-{upstream}", messages=user("x"), stream=True)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.message


def test_the_gateways_own_errors(oai):
    with pytest.raises(openai.NotFoundError) as unknown:
        oai.chat.completions.create(model="no-such-model", messages=user("x"))
    assert unknown.value.param == "model" and "no-such-model" in unknown.value.message
    with pytest.raises(openai.BadRequestError):
        oai.chat.completions.create(model="via-chat", messages="x")
    with pytest.raises(openai.AuthenticationError):
        openai_client("tg-wrong").chat.completions.create(model="via-chat", messages=user("x"))


def test_a_spent_budget_is_a_rate_limit():
    client = openai_client(LIMITED_KEY)
    assert client.chat.completions.create(model="via-chat", messages=user("x"))
    with pytest.raises(openai.RateLimitError) as spent:
        client.chat.completions.create(model="via-chat", messages=user("x"))
    assert int(spent.value.response.headers["retry-after"]) > 0


def test_embeddings_as_floats_and_as_base64(oai):
    plain = oai.embeddings.create(model="embed", input=["one", "two"], encoding_format="float")
    # Base64 on the wire, the package's own default, is what its strict validation cannot take.
    loose = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0)
    packed = loose.embeddings.create(model="embed", input=["one", "two"])
    assert [d.index for d in plain.data] == [0, 1]
    for a, b in zip(plain.data, packed.data):
        assert a.embedding == pytest.approx(b.embedding, abs=1e-6)
    assert plain.usage.prompt_tokens > 0


def test_models(oai):
    names = [m.id for m in oai.models.list()]
    assert "via-gemini" in names
    assert oai.models.retrieve("via-gemini").id == "via-gemini"
    with pytest.raises(openai.NotFoundError):
        oai.models.retrieve("no-such-model")
