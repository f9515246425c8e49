"""A run that fails raises the error that happened, and all of them are a `StreamError`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, StreamError
from axio.budget import Budget
from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.exceptions import (
    ConnectionFailed,
    ContentFiltered,
    LimitReached,
    ModelStopped,
    OutputLimit,
    ProviderError,
    UnexpectedError,
    UnsupportedContent,
)
from axio.testing import StubTransport, make_text_response
from axio.types import StopReason, Usage


class Failing:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        if self.error is not None:
            raise self.error
        yield TextDelta(0, "")


@pytest.mark.parametrize(
    "error",
    [
        ContentFiltered("refused"),
        ConnectionFailed("down", status=502),
        ProviderError("busy", status=429, code="slow_down", request_id="r1"),
        UnsupportedContent("no videos"),
        LimitReached("that is enough", reason="cost"),
    ],
)
@pytest.mark.parametrize("output", [None, int])
async def test_the_class_and_the_fields_of_an_error_reach_the_caller(
    error: StreamError, output: Any
) -> None:
    agent = Agent("", Failing(error))
    with pytest.raises(type(error)) as raised:
        await agent.run("go", MemoryContextStore(), output=output)
    assert isinstance(raised.value, StreamError)
    assert str(raised.value) == str(error)
    assert raised.value.__cause__ is error
    assert vars(raised.value) == vars(error)


async def test_a_fault_in_a_transport_is_told_from_an_answer_of_the_provider() -> None:
    fault = ValueError("a bug")
    with pytest.raises(UnexpectedError, match="a bug") as raised:
        await Agent("", Failing(fault)).run("go", MemoryContextStore())
    assert raised.value.__cause__ is fault


async def test_a_limit_keeps_its_reason() -> None:
    agent = Agent("", StubTransport([make_text_response("ok")]))
    with pytest.raises(LimitReached) as raised:
        await agent.run("go", MemoryContextStore(), budget=Budget(requests=0))
    assert raised.value.reason == "requests"


@pytest.mark.parametrize(
    ("stop", "kind"), [(StopReason.max_tokens, OutputLimit), (StopReason.error, ModelStopped)]
)
async def test_a_model_that_stops_without_an_answer_has_a_class_of_its_own(
    stop: StopReason, kind: type[StreamError]
) -> None:
    turn: list[StreamEvent] = [TextDelta(0, "half"), IterationEnd(0, stop, Usage(1, 1))]
    with pytest.raises(kind, match=stop) as raised:
        await Agent("", StubTransport([turn])).run("go", MemoryContextStore())
    assert isinstance(raised.value, RuntimeError)


class Picky(StreamError):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {why}")


async def test_an_error_that_cannot_be_copied_is_raised_itself() -> None:
    error = Picky(7, "odd")
    with pytest.raises(Picky) as raised:
        await Agent("", Failing(error)).run("go", MemoryContextStore())
    assert raised.value is error


@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_are_copied_with_their_fields(way: Any) -> None:
    for error in (ProviderError("x", status=500), LimitReached("x", reason="time")):
        again = way(error)
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert again.args == error.args
