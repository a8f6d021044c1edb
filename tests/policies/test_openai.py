"""An endpoint, played by a function in place of the network."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re

import httpx
import pytest
from conversations import more, prompt, talk, view
from PIL import Image

from vilasr.errors import DataError, InputError
from vilasr.policies import openai
from vilasr.policies.openai import EndpointConfig, OpenAIPolicy
from vilasr.types import FinishReason, SamplingParams

SAMPLING = SamplingParams(temperature=0.7, top_p=0.9, max_tokens=50)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(openai, "FIRST_BACKOFF_S", 0.0)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def reply(text="hello", finish="stop", **choice):
    return httpx.Response(200, json={"choices": [{"message": {"content": text}, "finish_reason": finish} | choice]})


def ask(observations, *responses, **config):
    """Have the conversation; the server gives `responses` in order -> (completions, requests)."""
    waiting, requests = list(responses), []

    def handle(request):
        requests.append(request)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    policy = OpenAIPolicy(
        EndpointConfig(url="http://here/v1/", model="m", **config), transport=httpx.MockTransport(handle)
    )

    async def main():
        completions = await talk(policy, observations, seed=3, sampling=SAMPLING)
        await policy.close()
        return completions

    return asyncio.run(main()), requests


def test_the_conversation_is_sent_whole_with_images_as_png_data_urls():
    image = view(1, (8, 16), 0)
    completions, requests = ask((prompt("what?", image), more("go on")), reply("first"), reply("second", "length"))
    assert [(c.text, c.finish) for c in completions] == [("first", FinishReason.STOP), ("second", FinishReason.LENGTH)]
    assert completions[0].tokens is None
    assert str(requests[0].url) == "http://here/v1/chat/completions"
    assert "authorization" not in requests[0].headers
    body = json.loads(requests[1].content)
    assert {key: body[key] for key in ("model", "temperature", "top_p", "max_tokens", "seed")} == {
        "model": "m",
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 50,
        "seed": 3,
    }
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    text, picture, question = body["messages"][1]["content"]
    assert (text["text"], question["text"]) == ("Image 1:", "what?")
    header, data = picture["image_url"]["url"].split(",")
    assert header == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).tobytes() == image.pixels.tobytes()
    assert body["messages"][2:] == [{"role": "assistant", "content": "first"}, {"role": "user", "content": "go on"}]


def test_a_key_is_sent_as_bearer_token_and_the_seed_can_be_left_out(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    _, (request,) = ask((prompt("x"),), reply(), send_seed=False)
    assert request.headers["authorization"] == "Bearer from-environment"
    assert "seed" not in json.loads(request.content)
    _, (request,) = ask((prompt("x"),), reply(), api_key="given")
    assert request.headers["authorization"] == "Bearer given"


def test_an_overloaded_server_or_a_lost_connection_is_asked_again():
    (completion,), requests = ask(
        (prompt("x"),), httpx.Response(503), httpx.ConnectError("refused"), httpx.Response(429), reply()
    )
    assert completion.text == "hello"
    assert len(requests) == 4


@pytest.mark.parametrize(
    ("responses", "error", "message"),
    [
        ([httpx.ConnectError("refused")] * 3, InputError, "expected a server that answers at http://here/v1/chat"),
        ([httpx.Response(401)], InputError, "API key: expected a key that .* got HTTP 401. Set OPENAI_API_KEY"),
        ([httpx.Response(404, text="no such model")], InputError, "serves 'm'; got HTTP 404: no such model"),
        ([httpx.Response(500, text="oh")] * 3, DataError, "answered HTTP 500: oh"),
        ([httpx.ReadTimeout("slow")] * 3, DataError, "no answer within 300.0 s"),
        ([httpx.Response(200, text="<html>")], DataError, "something other than a chat completion: <html>"),
    ],
)
def test_each_failure_says_what_to_do(responses, error, message):
    with pytest.raises(error, match=message):
        ask((prompt("x"),), *responses, num_retries=2)


def test_a_full_context_window_ends_the_conversation():
    full = httpx.Response(400, json={"error": {"message": "maximum context length is 4096 tokens"}})
    ((completion,), _) = ask((prompt("x"),), full)
    assert (completion.text, completion.finish) == ("", FinishReason.CONTEXT)


def test_another_bad_request_fails_that_conversation_only():
    with pytest.raises(DataError, match="HTTP 400: bad image"):
        ask((prompt("x"),), httpx.Response(400, text="bad image"))


def test_token_ids_are_recorded_where_the_server_returns_them():
    def turn(prompt_ids, token_ids):
        logprobs = {"content": [{"logprob": -0.5} for _ in token_ids]}
        answer = {"message": {"content": "t"}, "finish_reason": "stop", "token_ids": token_ids, "logprobs": logprobs}
        return httpx.Response(200, json={"prompt_token_ids": prompt_ids, "choices": [answer]})

    observations = (prompt("x", view(1, (8, 16), 0)), more("y"), more("z"))
    responses = (turn([1, 2, 3], [4, 5]), turn([1, 2, 3, 4, 5, 6], [7]), turn([1, 2, 3, 4, 9, 6, 7, 8], [7]))
    (first, second, third), requests = ask(observations, *responses, patch_size=4)
    assert json.loads(requests[0].content)["return_token_ids"] is True
    assert (list(first.tokens.context_ids), list(first.tokens.token_ids)) == ([1, 2, 3], [4, 5])
    assert list(first.tokens.logprobs) == [-0.5, -0.5]
    assert first.grids == ((1, 4, 2),)
    assert list(second.tokens.context_ids) == [6]
    assert third.tokens is None, "its prompt splits an earlier answer otherwise"


def test_something_that_is_not_a_url_is_refused():
    with pytest.raises(InputError, match=re.escape("endpoint: expected a URL such as http://localhost:8000/v1")):
        OpenAIPolicy(EndpointConfig(url="localhost:8000", model="m"))
