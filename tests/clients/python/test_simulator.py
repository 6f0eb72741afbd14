"""google-genai against the simulator's Gemini side, so that what stands in for that provider is held to its client."""

import pytest
from conftest import SIM_URL
from google import genai
from google.genai import errors, types


@pytest.fixture(scope="module")
def gem():
    return genai.Client(api_key="x", http_options=types.HttpOptions(base_url=SIM_URL))


def test_plain(gem):
    answer = gem.models.generate_content(model="sim-small", contents="What is the capital of Peru?")
    assert "capital of Peru" in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.candidates_token_count > 0


def test_stream(gem):
    pieces = [c.text or "" for c in gem.models.generate_content_stream(model="sim-small", contents="Seventeen?")]
    assert len(pieces) > 3 and "Seventeen" in "".join(pieces)


def test_tool_call(gem):
    weather = types.FunctionDeclaration(name="get_weather", description="The weather.", parameters_json_schema={
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])])
    answer = gem.models.generate_content(
        model="sim-small", contents='call get_weather with {"city": "Paris"}', config=config)
    (call,) = answer.function_calls
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})


@pytest.mark.parametrize("model, code", [("sim-small+status=429", 429), ("no-such-model", 404)])
def test_errors(gem, model, code):
    with pytest.raises(errors.ClientError) as caught:
        gem.models.generate_content(model=model, contents="x")
    assert caught.value.code == code
