"""Questions of servers to a person: the fields of a form, and when they may be asked."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import support
from axio_tools_mcp import MCPServerConfig, MCPSession
from axio_tools_mcp.elicitation import Dismissed, Elicit, Elicitation
from axio_tools_mcp.form import fields_of, wants_a_secret
from axio_tools_mcp.patience import Patience
from support.mcp_servers import said

SERVER = Path(support.__file__).with_name("mcp_asking_server.py")
COLOUR = {"type": "object", "properties": {"colour": {"type": "string"}}}


@asynccontextmanager
async def connected(
    elicit: Elicit | None, *arguments: str, timeout: float = 30
) -> AsyncIterator[MCPSession]:
    words = [str(SERVER), *arguments]
    config = MCPServerConfig(
        "a", command=sys.executable, args=words, timeout=timeout, start_timeout=30
    )
    session = MCPSession(config, elicit=elicit)
    try:
        await session.connect()
        yield session
    finally:
        await session.close()


async def asked(session: MCPSession, message: str = "Which?") -> Any:
    params = {"message": message, "requestedSchema": COLOUR}
    return json.loads(said(await session.call_tool("ask", {"params": params})))


async def test_a_pause_counts_for_no_limit() -> None:
    async with Patience(idle=0.2, total=0.3) as patience:
        with patience.paused(), patience.paused():
            patience.heard()
            await asyncio.sleep(0.5)
    with pytest.raises(TimeoutError, match=r"no answer in 1\.2 s"):
        async with Patience(idle=1.0, total=1.2) as patience:
            while True:
                with patience.paused():
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.1)


async def test_a_pause_may_last_longer_than_its_call() -> None:
    async with Patience(idle=20, total=20) as patience:
        pause = patience.paused()
        pause.__enter__()
    pause.__exit__(None, None, None)
    with patience.paused():
        patience.heard()


async def test_questions_of_two_calls_are_each_answered() -> None:
    turn = asyncio.Lock()

    async def elicit(question: Elicitation) -> dict[str, Any]:
        async with turn:  # a person answers one after the other
            await asyncio.sleep(0.1)
            return {"colour": question.message}

    async with connected(elicit) as session:
        answers = await asyncio.gather(*(asked(session, name) for name in ("a", "b", "c")))
    assert [answer["content"]["colour"] for answer in answers] == ["a", "b", "c"]


@pytest.mark.heavy
async def test_the_limits_of_a_call_stand_still_while_a_person_thinks() -> None:
    async def elicit(question: Elicitation) -> dict[str, Any]:
        await asyncio.sleep(6)
        return {"colour": "red"}

    async with connected(elicit, timeout=5) as session:
        assert await asked(session) == {"action": "accept", "content": {"colour": "red"}}


async def test_a_question_may_be_closed_without_an_answer() -> None:
    async def elicit(question: Elicitation) -> dict[str, Any]:
        raise Dismissed("closed")

    async with connected(elicit) as session:
        assert (await asked(session))["action"] == "cancel"


async def test_a_question_outside_of_a_call_is_declined(tmp_path: Path) -> None:
    questions: list[Elicitation] = []

    async def elicit(question: Elicitation) -> dict[str, Any]:
        questions.append(question)
        return {}

    told = tmp_path / "told"
    async with connected(elicit, str(told)), asyncio.timeout(30):
        while not (told.exists() and told.read_text()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert json.loads(told.read_text())["action"] == "decline" and not questions


async def test_a_question_ends_with_the_call_that_wanted_it() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def elicit(question: Elicitation) -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return {}

    async with connected(elicit) as session, asyncio.timeout(30):
        call = asyncio.create_task(asked(session))
        await begun.wait()
        call.cancel()
        await ended.wait()
        assert session.is_connected


FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Your name", "minLength": 2, "maxLength": 5},
        "mail": {"type": "string", "format": "email"},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
        "height": {"type": "number", "description": "in metres"},
        "sure": {"type": "boolean", "default": True},
        "size": {"type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"]},
        "way": {"type": "string", "oneOf": [{"const": "1", "title": "North"}]},
        "pets": {"type": "array", "items": {"enum": ["cat", "dog"]}, "minItems": 1},
    },
    "required": ["name", "age"],
}


@pytest.mark.parametrize(
    ("name", "answer", "value"),
    [
        ("name", " Ann ", "Ann"),
        ("name", "", "it needs an answer"),
        ("name", "A", "from 2 to 5 characters"),
        ("mail", "a@b", "a@b"),
        ("mail", "ab", "an e-mail address"),
        ("mail", "", None),
        ("age", "7", 7),
        ("age", "100", "a whole number from 1 up to 99"),
        ("age", "seven", "a whole number from 1 up to 99"),
        ("height", "1.5", 1.5),
        ("height", "nan", "a number"),
        ("sure", "", True),
        ("sure", "No", False),
        ("sure", "perhaps", "yes or no"),
        ("size", "Large", "l"),
        ("size", "s", "s"),
        ("size", "m", "one of: Small, Large"),
        ("way", "North", "1"),
        ("pets", "dog, cat", ["dog", "cat"]),
        ("pets", "cow", "some of: cat, dog, with commas"),
        ("pets", ",", "from 1 to"),
    ],
)
def test_an_answer_is_read_as_the_field_wants_it(name: str, answer: str, value: Any) -> None:
    field = next(field for field in fields_of(FORM) if field.name == name)
    try:
        assert field.read(answer) == value
    except ValueError as error:
        assert isinstance(value, str) and value in str(error)


def test_what_fits_is_said_on_one_line() -> None:
    hints = {field.title: field.hint for field in fields_of(FORM)}
    assert hints["height"] == "in metres; a number; may be left empty"
    assert hints["sure"] == "yes or no; else True"
    assert hints["Your name"] == ""
    assert hints["pets"] == "some of: cat, dog, with commas; may be left empty"


@pytest.mark.parametrize(
    "field",
    [
        {"type": "object"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": []},
        {"type": "string", "maxLength": "5"},
        "text",
    ],
)
def test_what_is_no_form_is_refused(field: Any) -> None:
    with pytest.raises(ValueError, match="asks in 'x' for something that cannot be typed"):
        fields_of({"properties": {"x": field}})


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("", {"title": "Password"}),
        ("", {"description": "Your API key"}),
        ("", {"format": "password"}),
        ("Please enter your credit card number", {}),
        ("Paste the recovery phrase", {}),
    ],
)
def test_a_form_that_wants_a_secret_is_seen(message: str, field: dict[str, Any]) -> None:
    assert wants_a_secret(message, fields_of({"properties": {"x": {"type": "string", **field}}}))


def test_an_ordinary_form_is_no_secret() -> None:
    assert wants_a_secret("Which issue? Give its key and the branch.", fields_of(FORM)) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["type", "enum", "oneOf", "items", "title", "default", "maximum", "format"])


@given(st.dictionaries(KEYS, JSON | st.sampled_from(["string", "integer", "array"])), st.text())
def test_no_form_of_a_stranger_breaks_what_reads_it(field: dict[str, Any], answer: str) -> None:
    try:
        (read,) = fields_of({"properties": {"x": field}, "required": ["x"]})
        wants_a_secret(read.hint, [read])
        read.read(answer)
    except ValueError as error:
        assert str(error)
