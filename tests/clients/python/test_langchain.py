"""langchain-openai on top of the gateway."""

import pytest
from conftest import KEY, URL
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def model(upstream, **more):
    return ChatOpenAI(model=f"via-{upstream}", base_url=f"{URL}/v1", api_key=KEY, max_retries=0, **more)


@pytest.mark.parametrize("responses", [False, True])
def test_invoke(upstream, responses):
    answer = model(upstream, use_responses_api=responses).invoke(
        [SystemMessage("Be brief."), HumanMessage("What is the capital of Peru?")])
    assert "capital of Peru" in answer.text
    assert answer.usage_metadata["output_tokens"] > 0


@pytest.mark.parametrize("responses", [False, True])
def test_stream(upstream, responses):
    whole = None
    pieces = 0
    for chunk in model(upstream, use_responses_api=responses, stream_usage=True).stream("Seventeen plus four?"):
        whole = chunk if whole is None else whole + chunk
        pieces += 1
    assert pieces > 3 and "Seventeen" in whole.text
    assert whole.usage_metadata["output_tokens"] > 0


@pytest.mark.parametrize("responses", [False, True])
def test_tools(upstream, responses):
    bound = model(upstream, use_responses_api=responses).bind_tools([get_weather])
    ask = [HumanMessage('call get_weather with {"city": "Paris"}')]
    answer = bound.invoke(ask)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    assert bound.invoke([*ask, answer, result]).text


@pytest.mark.parametrize("upstream", ["chat", "responses", "gemini"])
def test_structured_output(upstream):
    assert isinstance(model(upstream).with_structured_output(Person).invoke("Invent a person"), Person)


def test_structured_output_by_tool(upstream):
    bound = model(upstream).with_structured_output(Person, method="function_calling")
    assert isinstance(bound.invoke("Invent a person"), Person)


def test_embeddings():
    embeddings = OpenAIEmbeddings(model="embed", base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False)
    one, two = embeddings.embed_documents(["one", "two"])
    assert len(one) == len(two) > 0 and one != two
