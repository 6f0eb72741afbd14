"""Clients of the running gateway, with their own validation as strict as it goes."""

import os

import anthropic
import openai
import pytest

URL = os.environ["TOLLGATE_URL"]
SIM_URL = os.environ["SIM_URL"]
KEY = os.environ["TOLLGATE_KEY"]
LIMITED_KEY = os.environ["LIMITED_KEY"]
UPSTREAMS = ["chat", "messages", "responses", "gemini"]


def openai_client(key=KEY):
    return openai.OpenAI(api_key=key, base_url=f"{URL}/v1", max_retries=0, timeout=120,
                         _strict_response_validation=True)


def anthropic_client(key=KEY):
    return anthropic.Anthropic(api_key=key, base_url=URL, max_retries=0, timeout=120,
                               _strict_response_validation=True)


@pytest.fixture(scope="session")
def oai():
    return openai_client()


@pytest.fixture(scope="session")
def ant():
    return anthropic_client()


@pytest.fixture(params=UPSTREAMS)
def upstream(request):
    """What the upstream speaks, and nothing else."""
    return request.param
