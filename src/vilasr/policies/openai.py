"""Any endpoint that speaks the OpenAI chat format: vLLM, SGLang, llama.cpp, a hosted service."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from array import array
from dataclasses import dataclass
from typing import Any

import httpx

from vilasr.errors import DataError, InputError
from vilasr.types import (
    Completion,
    FinishReason,
    ImagePart,
    ImageView,
    Message,
    Observation,
    SamplingParams,
    TurnTokens,
)

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
FINISH_REASONS = {"length": FinishReason.LENGTH}
FIRST_BACKOFF_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointConfig:
    """Where and how to ask.

    Attributes:
        url: base URL up to and including `/v1`.
        model: the model's name there.
        api_key: sent as a bearer token; None: the environment variable OPENAI_API_KEY, if set.
        timeout_s: for one request.
        num_retries: after an overloaded server or a lost connection, with doubling pauses.
        send_seed: pass the rollout's seed on. Off where a server cannot take one.
        patch_size: of the model's vision tower, when the server can return token ids (vLLM: `return_token_ids`).
            The ids, their log-probabilities and the image grids are then recorded, so that rollouts can be trained on.
    """

    url: str
    model: str
    api_key: str | None = None
    timeout_s: float = 300.0
    num_retries: int = 4
    send_seed: bool = True
    patch_size: int | None = None


class OpenAIPolicy:
    """A model behind an endpoint. `transport` replaces the network, for tests."""

    def __init__(self, config: EndpointConfig, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        if not config.url.startswith(("http://", "https://")):
            raise InputError(
                "endpoint",
                expected="a URL such as http://localhost:8000/v1",
                got=repr(config.url),
                remedy="Give the base URL, up to and including /v1.",
            )
        self.config = config
        key = config.api_key if config.api_key is not None else os.environ.get("OPENAI_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=config.timeout_s,
            transport=transport,
            limits=httpx.Limits(max_connections=None),
        )

    @property
    def name(self) -> str:
        return self.config.model

    def open(self, *, seed: int, sampling: SamplingParams) -> OpenAISession:
        return OpenAISession(self, seed=seed, sampling=sampling)

    async def close(self) -> None:
        await self._client.aclose()

    async def chat(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """POST to `/chat/completions` with retries -> the answer, or None where the context window was too small.

        Raises:
            InputError: unreachable, wrong key, no such model or path.
            DataError: this request failed; another may succeed.
        """
        url = f"{self.config.url.rstrip('/')}/chat/completions"
        for attempt in range(self.config.num_retries + 1):
            last = attempt == self.config.num_retries
            try:
                response = await self._client.post(url, json=body)
            except httpx.TimeoutException as error:
                if last:
                    raise DataError(f"{url} gave no answer within {self.config.timeout_s} s.") from error
            except httpx.TransportError as error:
                if last:
                    raise _unreachable(url, error) from error
            else:
                if response.status_code not in RETRIED or last:
                    return _answer(response, url, self.config.model)
            await asyncio.sleep(FIRST_BACKOFF_S * 2**attempt)
        raise AssertionError("the last attempt returns or raises")


class OpenAISession:
    """One conversation, kept as the messages sent so far."""

    def __init__(self, policy: OpenAIPolicy, *, seed: int, sampling: SamplingParams) -> None:
        self._policy = policy
        self._seed = seed
        self._sampling = sampling
        self._messages: list[dict[str, Any]] = []
        self._known_ids: list[int] | None = []
        """Prompt and answers so far as ids; None once the server's ids did not continue them."""

    async def respond(self, observation: Observation) -> Completion:
        views = {view.index: view for view in observation.images}
        self._messages += [wire_message(message, views) for message in observation.messages]
        config = self._policy.config
        body: dict[str, Any] = {
            "model": config.model,
            "messages": self._messages,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._sampling.max_tokens,
        }
        if config.send_seed:
            body["seed"] = self._seed % 2**31
        if config.patch_size is not None:
            body |= {"return_token_ids": True, "logprobs": True}
        answer = await self._policy.chat(body)
        if answer is None:
            return Completion(text="", finish=FinishReason.CONTEXT)
        choice = answer["choices"][0]
        text = choice["message"].get("content") or ""
        self._messages.append({"role": "assistant", "content": text})
        tokens = self._tokens(answer, choice) if config.patch_size is not None else None
        grids: tuple[tuple[int, int, int], ...] = ()
        if tokens is not None and config.patch_size is not None:
            patch = config.patch_size
            grids = tuple((1, view.pixels.height // patch, view.pixels.width // patch) for view in observation.images)
        finish = FINISH_REASONS.get(choice.get("finish_reason") or "stop", FinishReason.STOP)
        return Completion(text=text, finish=finish, tokens=tokens, grids=grids)

    async def close(self) -> None:
        return None

    def _tokens(self, answer: dict[str, Any], choice: dict[str, Any]) -> TurnTokens | None:
        """The turn's ids, where the server returns them and this prompt continues what was said before, id for id.

        A server that tokenises earlier answers anew may split them otherwise; such a turn has no ids to train on.
        """
        prompt_ids = answer.get("prompt_token_ids") or choice.get("prompt_token_ids")
        token_ids = choice.get("token_ids")
        known = self._known_ids
        self._known_ids = None
        if known is None or not prompt_ids or not token_ids or prompt_ids[: len(known)] != known:
            return None
        entries = (choice.get("logprobs") or {}).get("content") or []
        logprobs = [entry["logprob"] for entry in entries]
        self._known_ids = [*prompt_ids, *token_ids]
        return TurnTokens(
            context_ids=array("i", prompt_ids[len(known) :]),
            token_ids=array("i", token_ids),
            logprobs=array("f", logprobs if len(logprobs) == len(token_ids) else []),
            loss_mask=array("b", [1] * len(token_ids)),
        )


def wire_message(message: Message, views: dict[int, ImageView]) -> dict[str, Any]:
    """A message as the endpoint takes it, images as data URLs in their place."""
    if not any(isinstance(part, ImagePart) for part in message.parts):
        text = "".join(part.text for part in message.parts if not isinstance(part, ImagePart))
        return {"role": message.role.value, "content": text}
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ImagePart):
            content.append({"type": "image_url", "image_url": {"url": data_url(views[part.index])}})
        else:
            content.append({"type": "text", "text": part.text})
    return {"role": message.role.value, "content": content}


def data_url(view: ImageView) -> str:
    """The pixels as a base64 PNG."""
    buffer = io.BytesIO()
    view.pixels.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _answer(response: httpx.Response, url: str, model: str) -> dict[str, Any] | None:
    status = response.status_code
    if status in (401, 403):
        raise InputError(
            "API key",
            expected=f"a key that {url} accepts",
            got=f"HTTP {status}",
            remedy="Set OPENAI_API_KEY to a key the server accepts.",
        )
    if status == 404:
        raise InputError(
            "endpoint",
            expected=f"a chat endpoint at {url} that serves {model!r}",
            got=f"HTTP 404: {_excerpt(response)}",
            remedy="The URL usually ends in /v1; the server lists its models at /v1/models.",
        )
    if status == 400 and "context" in response.text.lower() and "length" in response.text.lower():
        return None
    if status != 200:
        raise DataError(f"{url} answered HTTP {status}: {_excerpt(response)}")
    try:
        content = response.json()
        content["choices"][0]["message"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{url} answered with something other than a chat completion: {_excerpt(response)}") from error
    answer: dict[str, Any] = content
    return answer


def _unreachable(url: str, error: Exception) -> InputError:
    return InputError(
        "endpoint",
        expected=f"a server that answers at {url}",
        got=f"{type(error).__name__}: {error}",
        remedy="Start it (for example: vllm serve MODEL), or give another URL.",
    )


def _excerpt(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return text[:300] or "(empty)"
