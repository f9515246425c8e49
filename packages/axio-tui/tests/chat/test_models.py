"""Which model works for whom, and going on with another one in mid-conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from axio import Agent
from axio.blocks import ImageBlock, ReasoningBlock, TextBlock
from axio.events import SessionEndEvent
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.plugins import Installed
from axio.testing import StubTransport, make_text_response
from axio.transport import model_of
from axio_context_sqlite import SQLiteContextStore
from axio_transport_anthropic import AnthropicTransport
from axio_transport_local import LocalTransport
from axio_transport_openai import OpenAITransport
from axio_tui.chat.entries import Note, Text
from axio_tui.chat.models import Models
from axio_tui.chat.offers import Offer, offers
from axio_tui.chat.session import ChatSession
from axio_tui.choose import Choice
from axio_tui.errors import CommandError, WrongUse
from axio_tui.servers import RunningServer, Server
from support.drawing import png
from support.llama import Llama

OPENAI = Choice("openai", "openai", "openai")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NEBIUS_API_KEY", "OPENROUTER_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "sk-of-a-test")


async def find(servers: Sequence[Server]) -> list[RunningServer]:
    return [RunningServer(s, ("qwen:8b",)) for s in servers if s.name == "ollama"]


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    async with Models(Installed(), OPENAI, "gpt-4.1-mini", find=find) as models:
        yield models


def id_of(transport: object) -> str:
    model = model_of(transport)
    assert model is not None
    return model.id


# ── roles ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_role_has_the_model_of_the_conversation_until_it_is_given_one(
    models: Models,
) -> None:
    chat = await models.of("chat")
    assert isinstance(chat, OpenAITransport)
    assert await models.of("guard") is chat and await models.of("subagent") is chat
    helper = await models.use("subagent", "anthropic")
    assert isinstance(helper, AnthropicTransport)
    assert await models.of("subagent") is helper and await models.of("chat") is chat
    guard = await models.use("guard", "gpt-4.1")
    assert isinstance(guard, OpenAITransport) and id_of(guard) == "gpt-4.1"


async def test_roles_can_be_named_from_the_start() -> None:
    roles: Any = {"guard": "ollama:qwen:8b", "vision": "local"}
    async with Models(Installed(), OPENAI, roles=roles, find=find) as models:
        guard = await models.of("guard")
        assert id_of(guard) == "qwen:8b" and "11434" in guard.base_url  # type: ignore[attr-defined]
        assert models.free == {"qwen:8b"}
        assert isinstance(await models.seeing(), LocalTransport)
    with pytest.raises(WrongUse, match="no role 'guards'; there is: chat, compaction, subagent"):
        Models(Installed(), OPENAI, roles={"guards": "local"})  # type: ignore[dict-item]


async def test_a_model_that_does_not_see_is_not_asked_to_look(models: Models) -> None:
    assert await models.seeing() is not None
    await models.use("chat", "local")
    assert await models.seeing() is None


@pytest.mark.parametrize("name", ["", "nebius", "openrouter:x/y", "lm-studio"])
async def test_a_model_that_cannot_be_had_changes_nothing(models: Models, name: str) -> None:
    chat = await models.of("chat")
    session = ChatSession(Agent("", chat))
    with pytest.raises(CommandError):
        await models.switch(session, name)
    assert await models.of("chat") is chat is session.agent.transport
    assert models.choice is OPENAI and session.conversation.entries == []


# ── another model in mid-conversation ─────────────────────────────────────────────────────────


async def test_going_on_with_another_model_is_said_and_kept(models: Models, tmp_path: Path) -> None:
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        chat = await models.of("chat")
        session = ChatSession(Agent("", StubTransport([make_text_response("hm")])), store)
        async for _ in session.send("go on"):
            pass
        session.agent.transport = chat
        note = await models.switch(session, "local")
        assert note == Note("model", "smollm2-135m-instruct of local, free")
        assert isinstance(session.agent.transport, LocalTransport)
        assert session.meter.free == {"smollm2-135m-instruct"}
        again = await models.switch(session, "openai:gpt-4.1")
        assert again.text.startswith("gpt-4.1 of openai, 1,0") and "$2 in, $8 out" in again.text
        assert session.conversation.entries[-2:] == [note, again]
        resumed = ChatSession(session.agent, store.beside("s"))
        await resumed.load()
        assert resumed.conversation.entries == session.conversation.entries


async def test_reasoning_that_only_another_provider_can_read_is_named(models: Models) -> None:
    session = ChatSession(Agent("", await models.of("chat")))
    thought = ReasoningBlock("hm", "anthropic", {"signature": "x"})
    await session.store.extend(
        [
            Message("user", [TextBlock("go on")]),
            Message("assistant", [thought, TextBlock("done")]),
        ]
    )
    there = await models.switch(session, "openai:gpt-4.1")
    assert there.text.endswith("without the reasoning that only anthropic can read")
    back = await models.switch(session, "anthropic")
    assert "reasoning" not in back.text
    history = await session.store.get_history()
    assert thought in history[1].content, "it is kept for the way back"


async def test_pictures_that_the_next_model_does_not_see_are_named(models: Models) -> None:
    session = ChatSession(Agent("", await models.of("chat")))
    words = "not known to see the pictures in this conversation"
    assert words not in (await models.switch(session, "local")).text
    picture = ImageBlock("image/png", png())
    await session.store.append(Message("user", [TextBlock("look"), picture]))
    assert words in (await models.switch(session, "local")).text
    assert words not in (await models.switch(session, "openai:gpt-4.1")).text


async def test_the_model_is_not_changed_under_a_run(models: Models) -> None:
    class Waiting:
        async def stream(self, *args: Any) -> AsyncIterator[Any]:
            await asyncio.Event().wait()
            yield

    session = ChatSession(Agent("", Waiting()))
    stream = session.send("go on")
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="cannot change the model while a run goes on"):
        await models.switch(session, "local")
    session.stop()
    await task
    await stream.aclose()


async def test_a_real_server_answers_over_the_wire_of_another_provider(
    llama_natural: Llama, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, model = f"{llama_natural.url}/v1", llama_natural.model
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    settings = {"base_url": url, "api_key": ""}
    choice = Choice("llama.cpp", "openai-custom", "llama.cpp", settings=settings)
    async with Models(Installed(), choice, model) as models:
        session = ChatSession(Agent("Be brief.", await models.of("chat"), max_iterations=1))
        await answered(session, "Say hello.")
        await models.switch(session, f"anthropic:{model}")
        await answered(session, "Say it again.")
        texts = [entry.text for entry in session.conversation.entries if isinstance(entry, Text)]
        assert len(texts) == 2 and all(texts)
        assert session.window.is_counted


async def answered(session: ChatSession, prompt: str) -> None:
    events = [event async for event in session.send(prompt)]
    end = events[-1]
    assert isinstance(end, SessionEndEvent) and end.stop_reason == "end_turn", events[-2:]


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────


async def test_all_that_can_be_used_is_offered_and_nothing_else() -> None:
    found = await offers(Installed(), ["anthropic"], find)
    transports = list(dict.fromkeys(offer.transport for offer in found))
    assert transports == ["anthropic", "ollama", "local"]
    assert all(offer.spec is not None for offer in found if offer.transport == "anthropic")
    async with Models(Installed(), OPENAI, find=find) as models:
        for offer in found:
            assert offer.id in ("", id_of(await models.use("guard", offer.name)))


async def test_codex_is_offered_once_it_is_signed_in(tmp_path: Path) -> None:
    from axio_transport_codex.tokens import default_path

    assert "codex" not in {offer.transport for offer in await offers(Installed(), [], find)}
    write(Path(default_path()))
    assert "codex" in {offer.transport for offer in await offers(Installed(), [], find)}


def write(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")


def test_an_offer_says_what_a_person_wants_to_know() -> None:
    sees = frozenset({Capability.vision})
    priced = ModelSpec("m", sees, context_window=200_000, input_cost=3.0, output_cost=15.0)
    assert (
        str(Offer("x", "m", priced))
        == "x:m, 200,000 tokens, $3 in, $15 out per million tokens, sees images"
    )
    assert str(Offer("x", "m")) == "x:m, price unknown"
    assert str(Offer("ollama", "qwen:8b")) == "ollama:qwen:8b, free"
    assert str(Offer("x")) == "x, price unknown"
