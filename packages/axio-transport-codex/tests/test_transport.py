"""One request and its answer, over a server on loopback."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from axio import Message, Tool
from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolUseStart
from axio.exceptions import ProviderError, StreamError, TruncatedStream
from axio.models import Capability, ModelSpec
from axio.testing import check_transport
from axio.transport import CompletionTransport
from axio.types import StopReason
from axio_transport_codex import CODEX_MODELS, CodexTransport, transport as module
from axio_transport_codex.limits import Limit, Limits
from axio_transport_codex.tokens import TokenFile
from support.loopback import serving, status, stream
from support.parts import requires
from support.recordings import observed, recordings, wanted

ASK = [Message("user", [TextBlock("hello")])]
DONE = b'data: {"type":"response.output_text.delta","delta":"hi"}\n\n' + (
    b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n'
)
LATER = str(int(time.time()) + 3600)


async def look_up(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


def codex(url: str = "http://127.0.0.1:9", **options: Any) -> CodexTransport:
    defaults = {"api_key": "access-1", "retry_base_delay": 0.01, "max_retries": 2}
    return CodexTransport(base_url=url, **{**defaults, **options})


async def everything(events: AsyncIterator[StreamEvent]) -> list[StreamEvent]:
    return [event async for event in events]


class Renewals:
    """In the place of the token endpoint: a fresh pair each time, after a moment."""

    def __init__(self, pause: float = 0.0) -> None:
        self.used: list[str] = []
        self.pause = pause
        self.begun = asyncio.Event()

    async def __call__(self, refresh_token: str) -> dict[str, str]:
        self.used.append(refresh_token)
        self.begun.set()
        await asyncio.sleep(self.pause)
        number = len(self.used) + 1
        return {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_at": LATER,
            "account_id": "me",
        }


@pytest.fixture
def renewals(monkeypatch: pytest.MonkeyPatch) -> Renewals:
    renewals = Renewals()
    monkeypatch.setattr(module, "refresh_access_token", renewals)
    return renewals


# ── the request ───────────────────────────────────────────────────────────────────────────────


def test_the_fields_come_in_this_order_and_secrets_are_not_shown() -> None:
    llm = CodexTransport(
        "n", "key", "refresh", "1", "acc", "http://x", CODEX_MODELS["o3"], CODEX_MODELS
    )
    assert (llm.name, llm.api_key, llm.refresh_token, llm.expires_at) == (
        "n",
        "key",
        "refresh",
        "1",
    )
    assert (llm.account_id, llm.base_url, llm.model.id) == ("acc", "http://x", "o3")
    assert "key" not in repr(llm) and "refresh=" not in repr(llm).replace("'", "")
    assert isinstance(llm, CompletionTransport)
    default = CodexTransport()
    assert (default.name, default.model.id) == ("ChatGPT (Codex)", "o4-mini")
    assert default.base_url == "https://chatgpt.com/backend-api/codex"
    assert (default.session, default.on_auth_refresh, default.max_retries) == (None, None, 10)
    assert default.retry_base_delay == 5.0
    assert CodexTransport(model="gpt-4o").model == CODEX_MODELS["gpt-4o"]
    assert Capability.tool_use in CodexTransport(model="gpt-9").model.capabilities
    assert copy.deepcopy(llm) == llm


def test_the_models_that_are_known() -> None:
    limits = {m.id: (m.context_window, m.max_output_tokens) for m in CODEX_MODELS}
    assert list(limits) == [
        *("o4-mini", "o3", "o3-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o"),
        "gpt-4o-mini",
    ]
    assert limits["o3"] == (200_000, 100_000) and limits["gpt-4o"] == (128_000, 16_384)
    assert limits["gpt-4.1-nano"] == (1_047_576, 32_768)
    assert all(m.input_cost == m.output_cost == 0 for m in CODEX_MODELS)
    assert Capability.vision in CODEX_MODELS["gpt-4.1"].capabilities
    assert Capability.vision not in CODEX_MODELS["gpt-4.1-nano"].capabilities
    assert Capability.reasoning in CODEX_MODELS["o4-mini"].capabilities


async def test_headers_and_body() -> None:
    tools = [Tool("look_up", handler=look_up)]
    async with (
        serving(stream(DONE)) as server,
        codex(server.url + "/", account_id="acc", model="gpt-4o") as llm,
    ):
        events = await everything(llm.stream(ASK, tools, "be brief"))
    assert events[0] == TextDelta(0, "hi")
    [asked] = server.asked
    assert asked.path == "/v1/responses"
    assert asked.headers["authorization"] == "Bearer access-1"
    assert asked.headers["accept"] == "text/event-stream"
    assert asked.headers["user-agent"].startswith("codex_cli_rs/0.1.0 (")
    assert asked.headers["originator"] == "codex_cli_rs"
    assert asked.headers["chatgpt-account-id"] == "acc"
    assert asked.body == {
        "model": "gpt-4o",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "stream": True,
        "store": False,
        "instructions": "be brief",
        "tools": [
            {
                "type": "function",
                "name": "look_up",
                "description": "Tell the weather.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }


def test_without_tools_and_system_their_fields_are_left_out() -> None:
    payload = codex().build_payload(ASK, [], "")
    assert not {"tools", "tool_choice", "instructions", "max_output_tokens"} & payload.keys()
    assert payload["include"] == ["reasoning.encrypted_content"]


def test_text_of_the_model_comes_before_its_calls() -> None:
    history = [
        Message("assistant", [ToolUseBlock("c1", "look", {"a": 1}), TextBlock("I look")]),
        Message("user", [ToolResultBlock("c1", "seen")]),
    ]
    assert codex().build_payload(history, [], "")["input"] == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look"}]},
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "look",
            "arguments": '{"a": 1}',
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
    ]


def test_images_in_results_and_system_messages_and_unanswered_calls_are_sent() -> None:
    history = [
        Message("system", [TextBlock("last try")]),
        Message("assistant", [ToolUseBlock("c1", "look", {}), ToolUseBlock("c2", "look", {})]),
        Message("user", [ToolResultBlock("c1", [ImageBlock("image/png", b"x")])]),
        *ASK,
    ]
    items = codex().build_payload(history, [], "")["input"]
    json.dumps(items)
    assert items[0]["role"] == "developer"
    assert [item.get("call_id") for item in items] == [None, "c1", "c2", "c2", "c1", None]
    assert "not executed" in items[3]["output"]
    assert items[4]["output"][0]["type"] == "input_image"


# ── the answer ────────────────────────────────────────────────────────────────────────────────


async def test_recorded_answers_arrive_whole() -> None:
    requires("streams")
    chosen = [
        recording
        for recording in recordings("openai-responses")
        if recording.status == 200
        and len(recording.body) < 9000
        and recording.expected["stop_reason"] in ("end", "tool_use")
    ][::5]
    assert len(chosen) > 10
    for recording in chosen:
        async with serving(stream(recording.body)) as server, codex(server.url) as llm:
            assert observed(await everything(llm.stream(ASK, [], ""))) == wanted(recording)


async def test_it_keeps_the_rules_of_transports() -> None:
    requires("streams")
    body = next(r.body for r in recordings("openai-responses") if r.features == {"text"})
    half = len(body) // 2
    reply = stream(body[:half], 0.02, body[half:])
    async with serving(reply) as server, aiohttp.ClientSession() as session:
        await check_transport(lambda: codex(server.url, session=session))


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b'data: {"type":"response.created","response":{}}\n\n', TruncatedStream, "complete"),
        (
            b'data: {"type":"response.failed","response":{"error":{"message":"boom"}}}\n\n',
            ProviderError,
            "Codex API error: boom",
        ),
        (b'data: {"type":"error","message":"bad"}\n\n', ProviderError, "Codex API error: bad"),
        (b'data: {"type":"response.incomplete","response":{}}\n\n', ProviderError, "incomplete"),
    ],
)
async def test_what_did_not_end_well_is_an_error(
    body: bytes, error: type[Exception], words: str
) -> None:
    async with serving(stream(body)) as server, codex(server.url) as llm:
        with pytest.raises(error, match=words):
            await everything(llm.stream(ASK, [], ""))


async def test_calls_make_it_a_tool_use_and_lines_that_are_no_json_are_passed_over() -> None:
    added = {"type": "function_call", "call_id": "c1", "name": "f"}
    event = json.dumps({"type": "response.output_item.added", "output_index": 2, "item": added})
    body = f"data: {event}\n\ndata: {{nonsense\n\n".encode() + DONE
    async with serving(stream(body)) as server, codex(server.url) as llm:
        events = await everything(llm.stream(ASK, [], ""))
    assert events[0] == ToolUseStart(2, "c1", "f")
    assert isinstance(events[-1], IterationEnd) and events[-1].stop_reason is StopReason.tool_use


async def test_limits_are_shown_and_a_used_up_subscription_is_not_tried_again() -> None:
    told: dict[str, Any] = {
        "x_codex_primary_used_percent": "12.5",
        "x_codex_primary_window_minutes": "300",
        "x_codex_primary_reset_after_seconds": "77",
        "x_codex_secondary_used_percent": "100",
    }
    full = json.dumps({"error": {"type": "usage_limit_reached", "message": "limit reached"}})
    replies = (stream(DONE, **told), status(429, full))
    async with serving(*replies) as server, codex(server.url) as llm:
        await everything(llm.stream(ASK, [], ""))
        assert llm.limits == Limits(Limit(12.5, 300, 77), Limit(100.0))
        with pytest.raises(ProviderError, match="limit reached") as caught:
            await everything(llm.stream(ASK, [], ""))
        assert caught.value.code == "usage_limit_reached" and len(server.asked) == 2
        assert llm.limits is not None  # the last that were told


async def test_other_statuses_are_retried() -> None:
    async with serving(status(429), stream(DONE)) as server, codex(server.url) as llm:
        assert (await everything(llm.stream(ASK, [], "")))[0] == TextDelta(0, "hi")


async def test_a_session_that_was_given_is_used_and_stays_open() -> None:
    async with serving(stream(DONE)) as server, aiohttp.ClientSession() as session:
        async with codex(server.url, session=session) as llm:
            await everything(llm.stream(ASK, [], ""))
        assert not session.closed


# ── tokens ────────────────────────────────────────────────────────────────────────────────────


def gate(answer: Callable[[], bytes] = lambda: DONE, good: str = "access-2") -> Any:
    """A backend that takes one access token."""

    async def reply(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] != f"Bearer {good}":
            return web.json_response({"error": {"message": "expired"}}, status=401)
        return web.Response(body=answer(), content_type="text/event-stream")

    return reply


async def test_tokens_that_are_nearly_over_are_renewed_first(renewals: Renewals) -> None:
    told: list[dict[str, str]] = []

    async def refreshed(tokens: dict[str, str]) -> None:
        told.append(tokens)
        raise RuntimeError("the application's own trouble")

    async with serving(gate()) as server:
        soon = str(int(time.time()) + 20)
        options = {"refresh_token": "refresh-1", "expires_at": soon, "on_auth_refresh": refreshed}
        async with codex(server.url, **options) as llm:
            await everything(llm.stream(ASK, [], ""))
    assert renewals.used == ["refresh-1"] and len(server.asked) == 1
    assert told == [
        {
            "api_key": "access-2",
            "refresh_token": "refresh-2",
            "expires_at": LATER,
            "account_id": "me",
        }
    ]
    assert (llm.api_key, llm.refresh_token, llm.account_id) == ("access-2", "refresh-2", "me")


@pytest.mark.parametrize("expires_at", ["", "never", LATER], ids=["none", "never", "later"])
async def test_tokens_that_are_good_or_have_no_time_are_not(
    renewals: Renewals, expires_at: str
) -> None:
    async with (
        serving(stream(DONE)) as server,
        codex(server.url, refresh_token="r", expires_at=expires_at) as llm,
    ):
        await everything(llm.stream(ASK, [], ""))
    assert renewals.used == []


async def test_a_401_renews_once(renewals: Renewals) -> None:
    async with serving(gate()) as server, codex(server.url, refresh_token="refresh-1") as llm:
        assert (await everything(llm.stream(ASK, [], "")))[0] == TextDelta(0, "hi")
    assert renewals.used == ["refresh-1"] and len(server.asked) == 2
    async with serving(status(401)) as server, codex(server.url, refresh_token="r") as llm:
        with pytest.raises(ProviderError, match="401"):
            await everything(llm.stream(ASK, [], ""))
    assert len(renewals.used) == 2 and len(server.asked) == 2
    async with serving(status(401)) as server, codex(server.url) as llm:  # nothing to renew with
        with pytest.raises(ProviderError, match="401"):
            await everything(llm.stream(ASK, [], ""))
    assert len(renewals.used) == 2 and len(server.asked) == 1


async def test_many_streams_at_once_renew_once(renewals: Renewals) -> None:
    renewals.pause = 0.05
    async with serving(gate()) as server, codex(server.url, refresh_token="refresh-1") as llm:
        await asyncio.gather(*(everything(llm.stream(ASK, [], "")) for _ in range(8)))
    assert renewals.used == ["refresh-1"]


async def test_a_renewal_that_was_begun_is_finished_when_who_asked_is_cancelled(
    renewals: Renewals,
) -> None:
    renewals.pause = 0.1
    async with serving(gate()) as server, codex(server.url, refresh_token="refresh-1") as llm:
        asking = asyncio.create_task(everything(llm.stream(ASK, [], "")))
        await renewals.begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert llm.api_key == "access-1"
        await llm.close()
        assert llm.api_key == "access-2"


async def test_a_renewal_that_fails_is_a_stream_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: str) -> dict[str, str]:
        raise RuntimeError("Token refresh failed (400): invalid_grant; sign in again")

    monkeypatch.setattr(module, "refresh_access_token", refuse)
    async with codex(refresh_token="secret-r", expires_at="1") as llm:
        with pytest.raises(StreamError, match="Token refresh failed") as caught:
            await everything(llm.stream(ASK, [], ""))
    assert "secret-r" not in str(caught.value)


async def test_a_token_file_is_read_and_kept_up_to_date(renewals: Renewals, tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.save({"api_key": "access-1", "refresh_token": "refresh-1", "account_id": "me"})
    async with serving(gate()) as server:
        first = CodexTransport(base_url=server.url, token_file=file.path)
        second = CodexTransport(base_url=server.url, token_file=str(file.path))
        assert first.api_key == "access-1" and first.account_id == "me"
        async with first, second:
            await everything(first.stream(ASK, [], ""))
            await everything(second.stream(ASK, [], ""))  # takes what the first one wrote
    assert renewals.used == ["refresh-1"]
    assert file.load()["refresh_token"] == second.refresh_token == "refresh-2"
    assert CodexTransport(token_file=tmp_path / "none").api_key == ""


# ── the list of models ────────────────────────────────────────────────────────────────────────


async def test_the_models_of_the_account() -> None:
    listed = {
        "models": [
            {"slug": "gpt-5-codex", "context_window": 400_000, "max_output_tokens": 128_000},
            {"id": "gpt-4o", "context_window": 1},
            {"slug": "plain"},
            {"name": "nameless"},
            7,
        ]
    }
    async with serving(status(200, json.dumps(listed))) as server, codex(server.url) as llm:
        await llm.fetch_models()
    assert server.asked[0].path == "/v1/models?client_version=0.0.1"
    assert llm.models.ids() == ["gpt-5-codex", "gpt-4o", "plain"]
    assert llm.models["gpt-4o"] == CODEX_MODELS["gpt-4o"]
    tools = frozenset({Capability.text, Capability.tool_use})
    assert llm.models["gpt-5-codex"] == ModelSpec("gpt-5-codex", tools, 128_000, 400_000)
    assert llm.models["plain"] == ModelSpec("plain", tools, 8192, 128_000)
    assert llm.model.id == "gpt-5-codex"


@pytest.mark.parametrize("reply", [status(500), status(200, "[]"), status(200, "<html>")])
async def test_without_a_list_the_known_models_are_there(reply: Any) -> None:
    async with serving(reply) as server, codex(server.url) as llm:
        await llm.fetch_models()
    assert llm.models == CODEX_MODELS and llm.models is not CODEX_MODELS
    unsigned = CodexTransport()
    await unsigned.fetch_models()
    assert unsigned.models == CODEX_MODELS


def test_an_image_that_the_backend_would_refuse_is_a_note() -> None:
    history = [Message("user", [ImageBlock("image/png", b"<html>"), TextBlock("see")])]
    sent = json.dumps(CodexTransport(api_key="k").build_payload(history, [], ""))
    assert "an HTML or XML page" in sent and "base64" not in sent


@dataclass
class Tagged(CodexTransport):
    tag: str = ""


def test_a_subclass_with_fields_of_its_own_has_limits_too() -> None:
    assert Tagged(tag="mine").limits is None
    assert copy.copy(Tagged(tag="mine")).tag == "mine"
