"""The openai package on /v1/responses: stored, continued and streamed, over upstreams of every dialect."""

import json

import openai
import pytest
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def test_plain(oai, upstream):
    answer = oai.responses.create(model=f"via-{upstream}", input="What is the capital of Peru?",
                                  instructions="Be brief.")
    assert "capital of Peru" in answer.output_text
    assert (answer.status, answer.object) == ("completed", "response")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_stream(oai, upstream):
    ask = {"model": f"via-{upstream}", "input": "Seventeen plus four?"}
    whole = oai.responses.create(**ask)
    events = list(oai.responses.create(**ask, stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text == events[-1].response.output_text


def test_stream_helper(oai, upstream):
    with oai.responses.stream(model=f"via-{upstream}", input="Good evening") as stream:
        assert any(event.type == "response.output_text.delta" for event in stream)
        assert stream.get_final_response().output_text


def test_a_conversation_is_stored_continued_read_and_deleted(oai, upstream):
    model = f"via-{upstream}"
    first = oai.responses.create(model=model, input="The first question")
    second = oai.responses.create(model=model, input="The second question", previous_response_id=first.id)
    assert second.usage.input_tokens > first.usage.input_tokens, "the first turn is there"
    assert second.previous_response_id == first.id
    again = oai.responses.retrieve(second.id)
    assert again.output_text == second.output_text
    items = list(oai.responses.input_items.list(second.id))
    assert "The second question" in json.dumps([item.to_dict() for item in items])
    oai.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        oai.responses.retrieve(second.id)
    with pytest.raises(openai.NotFoundError):
        oai.responses.create(model=model, input="x", previous_response_id=second.id)


def test_what_was_streamed_is_stored_too(oai, upstream):
    events = list(oai.responses.create(model=f"via-{upstream}", input="Keep this", stream=True))
    stored = oai.responses.retrieve(events[-1].response.id)
    assert stored.output_text == events[-1].response.output_text


def test_store_false_is_not_stored(oai, upstream):
    answer = oai.responses.create(model=f"via-{upstream}", input="Forget this", store=False)
    with pytest.raises(openai.NotFoundError):
        oai.responses.retrieve(answer.id)


def test_tool_call_and_its_result(oai, upstream):
    model = f"via-{upstream}"
    text = 'call get_weather with {"city": "Paris"} and call get_weather with {"city": "Rome"}'
    answer = oai.responses.create(model=model, input=text, tools=[WEATHER])
    calls = [item for item in answer.output if item.type == "function_call"]
    assert [json.loads(c.arguments)["city"] for c in calls] == ["Paris", "Rome"]
    results = [{"type": "function_call_output", "call_id": c.call_id, "output": "21 degrees"} for c in calls]
    after = oai.responses.create(model=model, input=results, tools=[WEATHER], previous_response_id=answer.id)
    assert after.output_text


def test_streamed_tool_call(oai, upstream):
    ask = {"model": f"via-{upstream}", "input": 'call get_weather with {"city": "Paris"}', "tools": [WEATHER]}
    with oai.responses.stream(**ask) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Paris"}


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("upstream", ["chat", "responses", "gemini"])
def test_structured_output(oai, upstream):
    answer = oai.responses.parse(model=f"via-{upstream}", input="Invent a person", text_format=Person)
    assert isinstance(answer.output_parsed, Person)


def test_reasoning(oai, upstream):
    answer = oai.responses.create(model=f"think-{upstream}", input="Why is the sky blue?",
                                  reasoning={"effort": "high", "summary": "auto"})
    assert "reasoning" in [item.type for item in answer.output]
    assert answer.output_text


def test_the_token_limit_is_named(oai, upstream):
    answer = oai.responses.create(model=f"via-{upstream}", input="Tell me a story", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("name, kind", [
    ("bad", openai.BadRequestError), ("limited", openai.RateLimitError), ("down", openai.InternalServerError)])
def test_upstream_errors_have_their_class(oai, upstream, name, kind):
    with pytest.raises(kind) as caught:
        oai.responses.create(model=f"{name}-{upstream}", input="x")
    assert caught.value.body["message"]


@pytest.mark.parametrize("name", ["cut", "broken"])
def test_a_stream_that_breaks_says_so(oai, upstream, name):
    stream = oai.responses.create(model=f"{name}-{upstream}", input="x", stream=True)
    try:
        kinds = [event.type for event in stream]
    except openai.APIError as error:
        assert error.message
    else:
        assert kinds[-1] in ("error", "response.failed"), kinds


def test_the_gateways_own_errors(oai):
    with pytest.raises(openai.NotFoundError):
        oai.responses.create(model="no-such-model", input="x")
    with pytest.raises(openai.NotFoundError):
        oai.responses.retrieve("resp_nothing")
    with pytest.raises(openai.BadRequestError):
        oai.responses.create(model="via-chat", input=7)
