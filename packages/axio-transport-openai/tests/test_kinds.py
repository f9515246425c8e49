"""Nebius, OpenRouter, and servers of one's own choice."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from axio.exceptions import ProtocolError, StreamError
from axio.models import Capability, ModelRegistry, ModelSpec
from axio_transport_openai import OPENAI_MODELS, OpenAITransport
from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_transport_openai.nebius import NebiusTransport
from axio_transport_openai.openrouter import OpenRouterTransport
from support.loopback import serving, status, stream

TOOLS = Capability.tool_use


def listing(*entries: dict[str, Any]) -> str:
    return json.dumps({"data": list(entries)})


# ── Nebius ────────────────────────────────────────────────────────────────────────────────────

NEBIUS: list[dict[str, Any]] = [
    {
        "id": "dear",
        "context_length": 1000,
        "max_output_tokens": 100,
        "supported_features": ["tools", "reasoning", "json_mode", "telepathy"],
        "architecture": {"modality": "text+image->text"},
        "pricing": {"prompt": "0.000002", "completion": "0.000008"},
    },
    {"id": "cheap", "supported_features": ["tools"], "pricing": {"prompt": "0.000001"}},
    {"id": "plain"},
    {"id": "e1", "architecture": {"modality": "text->embedding"}, "supported_features": None},
    {"id": "BAAI/bge-x"},
    {"id": "intfloat/e5-x"},
    {"id": "intfloat/multilingual-e5-x"},
    {"id": "Qwen/Embedding-8B", "pricing": None, "context_length": None},
    {"name": "without an id"},
]


def test_nebius_starts_with_its_own_models_and_none_chosen(monkeypatch: Any) -> None:
    monkeypatch.setenv("NEBIUS_API_KEY", "from env")
    made = NebiusTransport()
    assert (made.name, made.api_key) == ("Nebius AI Studio", "from env")
    assert made.base_url == "https://api.tokenfactory.nebius.com/v1"
    assert "fetch_models" in made.model.id
    assert (made.model.context_window, made.model.max_output_tokens) == (0, 0)
    assert made.build_payload([], [], "x")["max_completion_tokens"] == 0
    assert made.models
    assert not set(made.models.ids()) & set(OPENAI_MODELS.ids())


async def test_nebius_asks_for_a_model_first() -> None:
    with pytest.raises(RuntimeError, match="fetch_models"):
        async for _ in NebiusTransport(api_key="k").stream([], [], ""):
            pass


async def test_nebius_models_are_read_as_they_are_described(caplog: Any) -> None:
    async with serving(status(200, listing(*NEBIUS))) as server:
        made = NebiusTransport(base_url=server.url, api_key="key-123456")
        models = made.models
        with caplog.at_level(logging.INFO, "axio_transport_openai.nebius"):
            await made.fetch_models()
    assert made.models is models
    assert server.asked[0].path == "/v1/models?verbose=true"
    assert server.asked[0].headers["authorization"] == "Bearer key-123456"
    assert made.models["dear"] == ModelSpec(
        "dear",
        frozenset({TOOLS, Capability.reasoning, Capability.json_mode, Capability.vision}),
        100,
        1000,
        2.0,
        8.0,
    )
    assert made.models["plain"] == ModelSpec("plain", frozenset(), 25000, 128000)
    assert len(made.models) == 8
    assert made.models.by_capability(Capability.embedding).ids() == [
        *("e1", "BAAI/bge-x", "intfloat/e5-x", "intfloat/multilingual-e5-x", "Qwen/Embedding-8B")
    ]
    assert ("axio_transport_openai.nebius", logging.INFO, "Loaded 8 models") in caplog.record_tuples


@pytest.mark.parametrize(
    ("entries", "current", "chosen"),
    [
        (NEBIUS, "dear", "dear"),
        (NEBIUS, "gone", "cheap"),
        ([{"id": "a"}, {"id": "b"}], "gone", "a"),
        ([], "gone", "gone"),
    ],
)
async def test_nebius_chooses_where_the_current_model_is_gone(
    entries: list[dict[str, Any]], current: str, chosen: str
) -> None:
    async with serving(status(200, listing(*entries))) as server:
        made = NebiusTransport(base_url=server.url, model=ModelSpec(current))
        await made.fetch_models()
    assert made.model.id == chosen
    assert not entries or made.model is made.models[chosen]


@pytest.mark.parametrize("kind", [NebiusTransport, OpenRouterTransport])
async def test_a_list_that_does_not_come_is_an_error_at_once(kind: Any) -> None:
    async with serving(status(503, "down")) as server:
        made = kind(base_url=server.url)
        known = made.models.ids()
        with pytest.raises(StreamError, match="503"):
            await made.fetch_models()
    assert (made.models.ids(), len(server.asked)) == (known, 1)


@pytest.mark.parametrize("body", ["{}", "[]", '{"data": {}}'])
async def test_a_list_that_is_none_is_an_error(body: str) -> None:
    async with serving(status(200, body)) as server:
        with pytest.raises(ProtocolError):
            await NebiusTransport(base_url=server.url).fetch_models()


# ── OpenRouter ────────────────────────────────────────────────────────────────────────────────


def test_openrouter_starts_with_a_model_that_uses_tools(monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "from env")
    made = OpenRouterTransport()
    assert (made.name, made.api_key) == ("OpenRouter", "from env")
    assert made.base_url == "https://openrouter.ai/api/v1"
    assert made.model.id == "google/gemini-2.5-pro-preview"
    assert TOOLS in made.model.capabilities
    assert made.model.id in made.models
    assert made.thinking is False


async def test_openrouter_models_are_read_as_they_are_described(caplog: Any) -> None:
    entries: list[dict[str, Any]] = [
        {
            "id": "full",
            "supported_parameters": ["tools", "temperature"],
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "context_length": 1000,
            "top_provider": {"context_length": 2000, "max_completion_tokens": 100},
            "pricing": {"prompt": "0.000001", "completion": "0.000002"},
        },
        {"id": "top", "top_provider": {"context_length": 2000, "max_completion_tokens": None}},
        {"id": "bare", "architecture": {"output_modalities": ["embedding"]}},
    ]
    async with serving(status(200, listing(*entries))) as server:
        made = OpenRouterTransport(base_url=server.url, model=ModelSpec("top"))
        with caplog.at_level(logging.INFO, "axio_transport_openai.openrouter"):
            await made.fetch_models()
    assert server.asked[0].path == "/v1/models"
    specs: list[Any] = list(made.models)  # iterating gives specs, although it is a mapping
    assert specs == [
        ModelSpec("full", frozenset({TOOLS, Capability.vision}), 100, 1000, 1.0, 2.0),
        ModelSpec("top", frozenset(), 8000, 2000),
        ModelSpec("bare", frozenset({Capability.embedding}), 8000, 128000),
    ]
    assert made.model is made.models["top"]
    assert "Loaded 3 models" in caplog.text


async def test_openrouter_keeps_a_model_that_the_list_does_not_have() -> None:
    async with serving(status(200, listing({"id": "a"}))) as server:
        made = OpenRouterTransport(base_url=server.url, model="mine")
        await made.fetch_models()
    assert made.model.id == "mine"


async def test_openrouter_s_ways_hold_behind_a_proxy_too() -> None:
    detail = {"type": "reasoning.text", "text": "so", "signature": "s", "index": 0}
    chunk = {"choices": [{"delta": {"reasoning_details": [detail]}, "finish_reason": "stop"}]}
    async with serving(stream(b"data: %b\n\n" % json.dumps(chunk).encode())) as server:
        made = OpenRouterTransport(base_url=server.url, model="anthropic/claude-haiku-4.5")
        events = [type(event).__name__ async for event in made.stream([], [], "Be kind.")]
    assert events == ["ReasoningDelta", "ReasoningEnd", "IterationEnd"]
    [system] = server.asked[0].body["messages"]
    assert system["content"][0]["cache_control"] == {"type": "ephemeral"}


# ── any other ─────────────────────────────────────────────────────────────────────────────────


async def test_a_server_of_one_s_own_choice_knows_nothing_beforehand() -> None:
    made = OpenAICompatibleTransport()
    assert (made.base_url, made.models) == ("", ModelRegistry())
    made.models["m"] = ModelSpec("m")
    await made.fetch_models()
    assert made.models.ids() == ["m"]
    assert isinstance(made, OpenAITransport)
    again = OpenAICompatibleTransport.from_dict(made.to_dict() | {"base_url": "http://x/v1"})
    assert (again.base_url, again.models.ids()) == ("http://x/v1", ["m"])
    again.base_url = "http://y"
    again.note = "not slotted"  # type: ignore[attr-defined]


async def test_without_an_address_nothing_is_asked() -> None:
    made = OpenAICompatibleTransport(model="m")
    with pytest.raises(StreamError, match="http://"):
        async for _ in made.stream([], [], ""):
            pass


@pytest.mark.parametrize("kind", [NebiusTransport, OpenRouterTransport, OpenAICompatibleTransport])
def test_each_kind_takes_a_model_by_its_id_and_hides_its_key(kind: Any) -> None:
    made = kind(model="some-model", api_key="key-123456")
    assert made.model.id == "some-model"
    assert "key-123456" not in repr(made)
